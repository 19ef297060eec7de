"""The rejects of an artefact, gathered for people: by rule, with the reason and the row as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from seqcls.errors import one_line

SHOWN, RAW = 3, 60


def read_rejects(path: Path, file: str | None = None) -> Iterator[dict[str, Any]]:
    """The rejected rows in their order; with `file`, those of that file only."""
    with pq.ParquetFile(path) as rejects:
        for batch in rejects.iter_batches():
            for row in batch.to_pylist():
                if file is None or row["source_file"] == file:
                    yield row


def reason_lines(path: Path, shown: int = SHOWN) -> list[str]:
    """For each rule, the commonest first: how many rows, then the first of them with reason and value."""
    counts: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for row in read_rejects(path):
        for rule, reason in dict(zip(row["rules"], row["reasons"], strict=True)).items():
            counts[rule] = counts.get(rule, 0) + 1
            if len(examples.setdefault(rule, [])) < shown:
                examples[rule].append(describe(row, [reason]))
    lines = []
    for rule in sorted(counts, key=lambda rule: (-counts[rule], rule)):
        lines += [f"{rule}: {counts[rule]} rejected", *(f"  {line}" for line in examples[rule])]
    return lines


def describe(row: dict[str, Any], reasons: list[str]) -> str:
    """`FILE:ROW: why; the row: what stands there`."""
    raw = row["raw"]
    value = "" if not raw else f"; the row: {one_line(raw[:RAW])}{'...' if len(raw) > RAW else ''}"
    return f"{one_line(row['source_file'])}:{row['source_row']}: {one_line('; '.join(reasons))}{value}"
