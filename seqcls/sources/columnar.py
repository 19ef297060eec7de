"""Columns of any writer (pandas, Spark, Polars, Hugging Face), as Parquet and Arrow files hold them -> records.

In: batches of Arrow columns. Out: batches of rows. Promise: types are checked before rows are read; memory is bounded
by reading a few rows at a time, and repeated text in dictionaries is measured before it is expanded ("Parquet bombs").
`struct_paths` reaches fields of structs and lists of one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from seqcls.sources.assemble import assemble
from seqcls.sources.reading import (
    Problems,
    Reading,
    Records,
    Reject,
    Role,
    pick_columns,
    role_columns,
    row_numbers,
)  # fmt: skip
from seqcls.sources.struct_paths import Paths, find_paths_in, with_values
from seqcls.sources.typed_columns import (
    check_role_type,
    check_sequence_type,
    check_value_type,
    is_text,
    to_names,
    to_sequence,
)  # fmt: skip
from seqcls.sources.unpacking import most_bytes, row_bytes, too_large, written_out
from seqcls.sources.wide import value_columns, wide_series
from seqcls.table import SourceBatch, reject

SMALL_PART = 1 << 26
CELLS_PER_BATCH = 4_000_000


class Columns(NamedTuple):
    """What is read of a file."""

    roles: dict[Role, str]
    sequence: list[str]
    channels: list[list[str]]
    """The columns of each channel, one for each time point; none where a column holds the series."""
    paths: Paths
    """Names that stand for values within other columns."""

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        asked = dict.fromkeys([*self.sequence, *self.roles.values()])
        return list(dict.fromkeys(self.paths[name].steps[0] if name in self.paths else name for name in asked))

    def rows_at_a_time(self, most: int) -> int:
        """Fewer for many columns."""
        return min(most, max(1, CELLS_PER_BATCH // max(1, len(self.names))))


def choose_columns(reading: Reading, schema: pa.Schema) -> Columns:
    """The columns that the config asks for. Raises DataRefused for a file that lacks some, or has others."""
    paths = find_paths_in(reading, schema)
    types = {field.name: field.type for field in schema} | {name: path.type for name, path in paths.items()}
    found = [*schema.names, *paths]
    if reading.source.values:
        roles = role_columns(reading, found)
        channels = value_columns(reading, found, roles)
    else:
        roles, channels = pick_columns(reading, found), []
    for name in [name for names in channels for name in names]:
        check_value_type(reading, name, types[name])
    for name in [] if channels else reading.sequence_columns:
        check_sequence_type(reading, name, types[name])
    for role, name in roles.items():
        check_role_type(reading, name, types[name], "a time" if role == "time" else "text or integers")
    sequence = [name for names in channels for name in names] or reading.sequence_columns
    return Columns(roles, sequence, channels, paths)


def batches_of(reading: Reading, batches: Iterator[pa.RecordBatch], chosen: Columns) -> Iterator[SourceBatch]:
    """Batches of rows; `batches` have the columns `chosen.names`."""
    row, total, most = 1, 0, most_bytes(reading.source, reading.file.size)
    for batch in batches:
        for part in _small_parts(batch):
            total += unpacked_bytes(part)
            if total > most:
                raise too_large(reading, most)
            yield assemble(reading, _records(reading, part, row, chosen))
            row += part.num_rows


def _small_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve until the unpacked text is small: a dictionary with one long text may expand to gigabytes."""
    if batch.num_rows <= 1 or unpacked_bytes(batch) < SMALL_PART:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _small_parts(batch.slice(0, half))
    yield from _small_parts(batch.slice(half))


def unpacked_bytes(batch: pa.RecordBatch) -> int:
    return sum(int(row_bytes(column).sum()) for column in batch.columns)


def _records(reading: Reading, batch: pa.RecordBatch, first: int, chosen: Columns) -> Records:
    """Rows that are too long are removed before anything is expanded."""
    rows = row_numbers(first, batch.num_rows)
    batch, faults = with_values(batch, chosen.paths)
    long = _long_rows(reading, batch, chosen.sequence)
    rejects = [_reject_long(reading, batch, index, first, chosen.roles, *long[index]) for index in long]
    for index, (name, reason) in faults.items():
        if index not in long:
            rejects.append(reading.reject(first + index, name, "type", reason, _show(batch, index)))
    if rejects:
        keep = np.ones(batch.num_rows, bool)
        keep[[*long, *faults]] = False
        batch, rows = batch.filter(pa.array(keep)), rows.filter(pa.array(keep))
    problems: Problems = {}
    columns = {name: written_out(batch.column(name)) for name in chosen.sequence}
    if chosen.channels:
        sequence = [wide_series(reading, columns, chosen.channels, batch.num_rows, problems)]
    else:
        sequence = [to_sequence(reading, columns[name], name, problems) for name in chosen.sequence]
    records = Records(rows, sequence, rejects=rejects, problems=problems, raw=lambda index: _show(batch, index))
    for role, name in chosen.roles.items():
        column = written_out(batch.column(name))
        records.columns[role] = (
            column if role == "time" and not is_text(column.type) else to_names(column, name, problems)
        )
    return records


def _long_rows(reading: Reading, batch: pa.RecordBatch, names: list[str]) -> dict[int, tuple[str, int]]:
    """Position -> the column and its bytes."""
    long: dict[int, tuple[str, int]] = {}
    for name in names:
        sizes = row_bytes(batch.column(name))
        for index in np.flatnonzero(sizes > reading.source.max_row_bytes).tolist():
            long.setdefault(index, (name, int(sizes[index])))
    return long


def _reject_long(
    reading: Reading, batch: pa.RecordBatch, index: int, first: int, roles: dict[Role, str], column: str, size: int
) -> Reject:
    others = [name for name in batch.schema.names if name not in reading.sequence_columns]
    shown = _show(batch.select(others), index) if others else None
    name = _cell(batch.column(roles["id"])[index]) if "id" in roles else f"{reading.file.name}:{first + index}"
    reason = f"{size} bytes; a row may have {reading.source.max_row_bytes} (source.max_row_bytes)"
    return reject(reading.file.name, first + index, column, "row_bytes", reason, shown, id=name)


def _show(batch: pa.RecordBatch, index: int) -> str:
    return repr(
        {name: _cell(column[index])[:1000] for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    )


def _cell(value: pa.Scalar) -> str:
    try:
        return str(value)
    except (OverflowError, ValueError):  # a time outside Python's range: show the number that the file holds
        return f"{value.value} as {value.type}"
