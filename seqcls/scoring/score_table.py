"""Table rows + a scorer -> rows of a score file, and the rows that the network could not score.

In: accepted rows. Out: scores (schema `scores_schema`, docs/formats.md) and rejects. Promise: each row is in one of the
two; a row without finite probabilities is rejected, never called class 0; an abstained row has no label, but all its
probabilities.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from seqcls.scorer import Scorer
from seqcls.table import REJECTS, reject, rejects_table


def score_rows(
    rows: pa.Table, scorer: Scorer, abstain_below: float, run_id: str, now: datetime
) -> tuple[pa.Table, pa.Table]:
    """Table rows -> (scores, rejects), both in the order of the rows."""
    if rows.num_rows == 0:
        return scores_schema(scorer.labels).empty_table(), REJECTS.empty_table()
    probabilities, flags = scorer.score(rows)  # (N, K), N lists
    finite = np.isfinite(probabilities).all(axis=1)  # (N, K) -> (N,)
    scored = rows.filter(pa.array(finite))
    kept = [flags[row] for row in np.flatnonzero(finite)]
    scores = _scores(scored, probabilities[finite], kept, scorer, abstain_below, run_id, now)
    return scores, _unscored(rows.filter(pa.array(~finite)))


def _scores(
    rows: pa.Table, probabilities: np.ndarray, flags: list[list[str]], scorer: Scorer, abstain_below: float,
    run_id: str, now: datetime,
) -> pa.Table:  # fmt: skip
    """`probabilities` (N, K) are finite; `flags` get `abstained` where no label is given."""
    confidence = probabilities.max(axis=1)  # (N, K) -> (N,)
    abstained = confidence < abstain_below
    labels = np.array(scorer.labels, dtype=object)[probabilities.argmax(axis=1)]
    marked = [[*given, "abstained"] if no else given for given, no in zip(flags, abstained, strict=True)]
    count, schema = rows.num_rows, scores_schema(scorer.labels)
    columns = [
        rows["id"],
        pa.array(labels, pa.string(), mask=abstained),
        pa.array(confidence.astype(np.float32)),
        *(pa.array(column.astype(np.float32)) for column in probabilities.T),
        pa.repeat(scorer.version.name, count),
        pa.repeat(scorer.version.model_digest, count),
        pa.repeat(run_id, count),
        pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), count),
        pa.array(marked, pa.list_(pa.string())),
        rows["source_file"],
        rows["source_row"],
    ]
    return pa.table(columns, schema=schema)


def _unscored(rows: pa.Table) -> pa.Table:
    reason = "the network gave no finite numbers for this row"
    names = (rows[name].to_pylist() for name in ("source_file", "source_row", "id"))
    return rejects_table(
        [
            reject(file, row, "sequence", "finite_output", reason, id=name)
            for file, row, name in zip(*names, strict=True)
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
