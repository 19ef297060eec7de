"""Rows that the model could not score: too many of them fail the run, once all else is published.

In: the books of a scored input. Out: a `Refusal` that names it, or None. Promise: the rejects of the checks and of the
scoring count together against `score.reject_budget`; an input that passed the checks is named for its scoring only.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Row

from seqcls.ledger.chunks import chunks_by
from seqcls.scoring.chunks import ScoredInput
from seqcls.scoring.preparing import Refusal
from seqcls.scoring.score_table import CHANNELS, FINITE
from seqcls.store.artefacts import read_meta
from seqcls.store.parquet import read_parquet
from seqcls.store.records import CheckedMeta
from seqcls.workspace import Workspace

REMEDIES = {
    FINITE: "look for extreme values in these rows; where it is the model, `seqcls rollback CONFIG`, then `seqcls "
    "score CONFIG --rescore`",
    CHANNELS: "deliver the rows with the channels of the training, or train a model on rows like these",
}


def over_budget(workspace: Workspace, row: Row[tuple[object, ...]], result: ScoredInput) -> Refusal | None:
    """What is to be said of an input that is scored to its end and lost more rows in scoring than it may."""
    budget, counts = workspace.pipeline.score.reject_budget, result.counts
    if not result.complete or counts.rejected <= budget * counts.rows_in:
        return None
    checked = read_meta(workspace.store.ref("checked", str(row.checked_digest)), CheckedMeta)
    unscored = counts.rejected - checked.rejected
    if unscored <= 0:  # a budget that was lowered since says nothing of this scoring
        return None
    rule, reason = _commonest(workspace, row)
    return Refusal(
        name=result.name,
        digest=str(row.input_digest),
        reason=f"{result.name}: {counts.rejected} of {counts.rows_in} rows ({counts.rejected / counts.rows_in:.2%}) "
        f"are rejected, {unscored} of them in scoring: {reason}; expected at most {budget:.2%} "
        f"(score.reject_budget). Next: {REMEDIES[rule]}",
    )


def _commonest(workspace: Workspace, row: Row[tuple[object, ...]]) -> tuple[str, str]:
    """(rule, reason) that most rows were rejected for in scoring."""
    found: Counter[tuple[str, str]] = Counter()
    for chunk in chunks_by(workspace.ledger, workspace.pipeline.name, row.input_digest, row.rescored_with):
        rejects = read_parquet([workspace.store.ref("scores", chunk.scores_digest).folder / "rejects.parquet"])
        for rules, reasons in zip(rejects["rules"].to_pylist(), rejects["reasons"].to_pylist(), strict=True):
            found.update(pair for pair in zip(rules, reasons, strict=True) if pair[0] in REMEDIES)
    return found.most_common(1)[0][0]
