"""Flow: a person makes a version champion."""

from __future__ import annotations

from typing import Any

from seqcls.errors import ConfigRefused
from seqcls_flows.job import job
from seqcls_flows.parameters import PromoteParams, version_number
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.champion import answer_question, promote_version


@job("promote")
def promote_flow(params: PromoteParams) -> dict[str, Any]:
    """The gate is asked; `force` goes against it. That, and an answer, need a reason."""
    if (params.force or params.answer) and not params.why:
        raise ConfigRefused(
            f"{'an answer' if params.answer else 'Against the gate'} without a reason",
            where="the form",
            expected="the reason for it",
            next_step="fill in Why: it is kept",
        )
    if params.answer and (params.force or params.version):
        raise ConfigRefused(
            "an answer together with a version or Against the gate",
            where="the form",
            expected="only the answer: it is about the version that waits",
            next_step="leave Model version and Against the gate as they were",
        )
    who = params.who or ""
    if params.answer:
        done = answer_question(params.config, params.answer == "yes", params.why or "", who)
    else:
        version, why = version_number(params.version), params.why or "promoted by hand"
        done = promote_version(params.config, version, params.force, why, who)
    name_outcome(params.config, f"{done['model'].rpartition('@')[2]}{'' if done['champion'] else ' declined'}")
    return done
