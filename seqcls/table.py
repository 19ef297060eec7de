"""The table that every source is converted to, and the rejects beside it.

In: nothing. Out: Arrow schemas and their records. Promise: a row of the input is either a row of the table or a row of
the rejects, and `source_file` + `source_row` identify it.

Letters for shapes in this project: B rows of a batch, T positions, C channels, V vocabulary,
D features, K classes, N rows of a table.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa

from seqcls.errors import CheckBroken

Kind = Literal["text", "series", "dna", "protein", "tokens"]
Split = Literal["train", "valid", "test"]
KINDS: tuple[Kind, ...] = ("text", "series", "dna", "protein", "tokens")
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

_SEQUENCE: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "dna": pa.string(),
    "protein": pa.string(),
    "tokens": pa.list_(pa.string()),
    # One inner list per channel, all of one length T; null is a missing value.
    "series": pa.list_(pa.list_(pa.float32())),
}

REJECTS = pa.schema(
    [
        pa.field("source_file", pa.string(), nullable=False),
        pa.field("source_row", pa.int64(), nullable=False),  # 1 = first record, the header not counted
        pa.field("id", pa.string()),
        pa.field("columns", pa.list_(pa.string()), nullable=False),  # the three lists are parallel,
        pa.field("rules", pa.list_(pa.string()), nullable=False),  # one entry per reason
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("raw", pa.string()),  # the input row as it was, cut at RAW_LIMIT characters
    ]
)
RAW_LIMIT = 4096


def table_schema(kind: Kind) -> pa.Schema:
    """Arrow schema of the table for one kind of sequence."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("sequence", _SEQUENCE[kind]),
            pa.field("label", pa.string()),
            pa.field("time", pa.timestamp("us", tz="UTC")),
            pa.field("group", pa.string()),
            pa.field("split", pa.string()),  # given by the source, or null
            pa.field("source_file", pa.string(), nullable=False),
            pa.field("source_row", pa.int64(), nullable=False),
        ]
    )


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The chunks of a column as one array."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


@dataclass(frozen=True)
class InputFile:
    """One file (or SQL query) to read: `name` is what rows are traced back to, `digest` its SHA-256."""

    path: Path
    name: str
    digest: str
    size: int
    split: Split | None = None


@dataclass(frozen=True)
class Layout:
    """What makes a series, by name, as the files of a training had it; kept with the encoder, it holds for new files.

    Of the formats whose files may differ in it: the columns of `wide` in the order of time, the channels of `long`.
    """

    format: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class SourceBatch:
    """Rows read so far from one file: accepted + rejected == rows_in, checked where batches are written."""

    table: pa.Table
    rejects: pa.Table
    rows_in: int


@dataclass(frozen=True)
class RowCounts:
    """How many rows a stage was given, and what became of them: every other field counts rows with one outcome."""

    rows_in: int = 0

    def __add__(self, other: Self) -> Self:
        return replace(self, **{name: count + getattr(other, name) for name, count in asdict(self).items()})

    def require_balance(self, where: str) -> None:
        """CheckBroken, naming the place, unless each row has exactly one outcome."""
        outcomes = {name: count for name, count in asdict(self).items() if name != "rows_in"}
        if self.rows_in != sum(outcomes.values()):
            raise CheckBroken(
                f"{self.rows_in} rows in, {', '.join(f'{count} {name}' for name, count in outcomes.items())}",
                where=where,
                expected="sums that agree",
                next_step="report a bug; nothing of it was recorded as finished",
            )


@dataclass(frozen=True)
class TableCounts(RowCounts):
    """Rows that were read or checked."""

    accepted: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class EncodedCounts(RowCounts):
    """Rows that were encoded, or left out of every split."""

    encoded: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class ScoreCounts(RowCounts):
    """Rows that were scored; one that abstained has probabilities, but no label."""

    scored: int = 0
    rejected: int = 0
    abstained: int = 0


def rejects_table(rows: list[dict[str, object]]) -> pa.Table:
    """Rows of rejects -> Arrow; `raw` is cut at RAW_LIMIT."""
    for row in rows:
        raw = row.get("raw")
        if isinstance(raw, str) and len(raw) > RAW_LIMIT:
            row["raw"] = raw[:RAW_LIMIT]
    return pa.Table.from_pylist(rows, schema=REJECTS)


def reject(
    file: str, row: int, column: str, rule: str, reason: str, raw: str | None = None, id: str | None = None
) -> dict[str, object]:
    """One reject with one reason, as a row for `rejects_table`."""
    return {
        "source_file": file,
        "source_row": row,
        "id": id,
        "columns": [column],
        "rules": [rule],
        "reasons": [reason],
        "raw": raw,
    }
