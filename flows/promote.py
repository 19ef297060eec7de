"""Flow: a person makes a version champion."""

from __future__ import annotations

from typing import Any

from seqcls.errors import ConfigRefused
from seqcls_flows.job import job
from seqcls_flows.parameters import PromoteParams, version_number
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.champion import promote_version


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
    done = promote_version(
        params.config, version_number(params.version), params.force, params.why or "promoted by hand"
    )
    name_outcome(params.config, done["model"].rpartition("@")[2])
    return done
