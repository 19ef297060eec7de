"""Rows that the model gave no finite numbers for: too many of them fail the run, once all else is published.

In: the books of a scored input. Out: a `Refusal` that names it, or None. Promise: the rejects of the checks and of the
scoring count together against `score.reject_budget`; an input that passed the checks is named for its scoring only.
"""

from __future__ import annotations

from sqlalchemy import Row

from seqcls.scoring.chunks import ScoredInput
from seqcls.scoring.preparing import Refusal
from seqcls.store.artefacts import read_manifest
from seqcls.workspace import Workspace


def over_budget(workspace: Workspace, row: Row[tuple[object, ...]], result: ScoredInput) -> Refusal | None:
    """What is to be said of an input that is scored to its end and lost more rows in scoring than it may."""
    budget = workspace.pipeline.score.reject_budget
    counts = result.counts
    if not result.complete or counts.rejected <= budget * counts.rows_in:
        return None
    checked = read_manifest(workspace.store.ref("checked", str(row.checked_digest)))
    unscored = counts.rejected - int(checked["meta"]["rejected"])
    if unscored <= 0:  # a budget that was lowered since says nothing of this scoring
        return None
    return Refusal(
        name=result.name,
        digest=str(row.input_digest),
        reason=f"{result.name}: {counts.rejected} of {counts.rows_in} rows ({counts.rejected / counts.rows_in:.2%}) "
        f"are rejected, {unscored} of them since the model gave no finite numbers; expected at most {budget:.2%} "
        "(score.reject_budget). Next: look for extreme values in these rows; where it is the model, "
        "`seqcls rollback CONFIG`, then `seqcls score CONFIG --rescore`",
    )
