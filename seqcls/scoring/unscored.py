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


def over_budget(workspace: Workspace, row: Row[tuple[object, ...]], books: ScoredInput) -> Refusal | None:
    """What is to be said of an input that is scored to its end and lost more rows in scoring than it may."""
    budget = workspace.pipeline.score.reject_budget
    if not books.complete or books.rejected <= budget * books.rows_in:
        return None
    checked = read_manifest(workspace.store.ref("checked", str(row.checked_digest)))
    unscored = books.rejected - int(checked["meta"]["rejected"])
    if unscored <= 0:  # a budget that was lowered since says nothing of this scoring
        return None
    return Refusal(
        name=books.name,
        digest=str(row.input_digest),
        reason=f"{books.name}: {books.rejected} of {books.rows_in} rows ({books.rejected / books.rows_in:.2%}) are "
        f"rejected, {unscored} of them since the model gave no finite numbers; expected at most {budget:.2%} "
        "(score.reject_budget). Next: look for extreme values in these rows; where it is the model, "
        "`seqcls rollback CONFIG`, then `seqcls score CONFIG --rescore`",
    )
