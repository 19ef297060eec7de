"""Table rows + a scorer -> rows of a score file, and the rows that the network could not score.

In: accepted rows. Out: scores (schema `scores_schema`, formats.md) and rejects. Promise: each row is in one of the
two; a row that the encoder cannot represent (another number of channels), or without finite probabilities, is rejected,
never called class 0; an abstained row has no label, but all its probabilities.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from seqcls.drift.tally import FLAG, Tally
from seqcls.engines.scorer import Flags, Scorer
from seqcls.table import reject, rejects_table

CHANNELS, FINITE = "model_channels", "finite_output"
"""Rules of rows that are rejected in scoring."""
NOT_FINITE = "the network gave no finite numbers for this row"


def score_rows(
    rows: pa.Table, scorer: Scorer, abstain_below: float, run_id: str, now: datetime, tally: Tally | None = None
) -> tuple[pa.Table, pa.Table]:
    """Table rows -> (scores, rejects), both in the order of the rows; `tally` counts them and flags those far outside
    of the training rows."""
    misfits = scorer.misfits(rows)
    unfit = _rejected(rows, misfits, CHANNELS)
    rows = rows.filter(pa.array(~np.isin(np.arange(rows.num_rows), list(misfits)))) if misfits else rows
    if rows.num_rows == 0:
        return scores_schema(scorer.labels).empty_table(), unfit
    probabilities, flags = scorer.score(rows)  # (N, K), (N,) of each flag
    if tally is not None:
        flags[FLAG] = tally.add(rows["sequence"])
    finite = np.isfinite(probabilities).all(axis=1)  # (N, K) -> (N,)
    scored = rows.filter(pa.array(finite))
    kept = {name: mask[finite] for name, mask in flags.items()}
    scores = _scores(scored, probabilities[finite], kept, scorer, abstain_below, run_id, now)
    unscored = {int(row): NOT_FINITE for row in np.flatnonzero(~finite)}
    return scores, pa.concat_tables([unfit, _rejected(rows, unscored, FINITE)])


def _scores(
    rows: pa.Table, probabilities: np.ndarray, flags: Flags, scorer: Scorer, abstain_below: float,
    run_id: str, now: datetime,
) -> pa.Table:  # fmt: skip
    """`probabilities` (N, K) are finite; rows without a label are flagged `abstained` too."""
    confidence = probabilities.max(axis=1)  # (N, K) -> (N,)
    abstained = confidence < abstain_below
    best = pa.array(probabilities.argmax(axis=1), mask=abstained)  # null where no label is given
    count, schema = rows.num_rows, scores_schema(scorer.labels)
    columns = [
        rows["id"],
        pa.array(scorer.labels, pa.string()).take(best),
        pa.array(confidence.astype(np.float32)),
        *(pa.array(column.astype(np.float32)) for column in probabilities.T),
        pa.repeat(scorer.version.name, count),
        pa.repeat(scorer.version.model_digest, count),
        pa.repeat(run_id, count),
        pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), count),
        list_flags({**flags, "abstained": abstained}),
        rows["source_file"],
        rows["source_row"],
    ]
    return pa.table(columns, schema=schema)


def list_flags(flags: Flags) -> pa.ListArray:
    """(N,) masks by name -> N lists of the names whose mask is set, in the order of `flags`."""
    marked = np.stack(list(flags.values()), axis=1)  # (N, flags)
    names = pa.array(list(flags), pa.string()).take(pa.array(np.nonzero(marked)[1]))
    offsets = np.concatenate([[0], marked.sum(axis=1).cumsum()])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names)


def _rejected(rows: pa.Table, reasons: dict[int, str], rule: str) -> pa.Table:
    """Rejects of the rows at some positions."""
    chosen = rows.select(["source_file", "source_row", "id"]).take(pa.array(reasons, pa.int64())).to_pylist()
    return rejects_table(
        [
            reject(row["source_file"], row["source_row"], "sequence", rule, reason, id=row["id"])
            for row, reason in zip(chosen, reasons.values(), strict=True)
        ]
    )


def scores_schema(labels: list[str]) -> pa.Schema:
    """Columns of a score file; one probability column a class, in sorted order."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float32()),
            *[(f"p_{name}", pa.float32()) for name in labels],
            ("model", pa.string()),
            ("model_digest", pa.string()),
            ("run_id", pa.string()),
            ("scored_at", pa.timestamp("us", tz="UTC")),
            ("flags", pa.list_(pa.string())),
            ("source_file", pa.string()),
            ("source_row", pa.int64()),
        ]
    )
