"""parquet: columns of any writer (pandas, Spark, Polars) -> records.

In: a Parquet file. Out: batches. Promise: types are checked before rows are read; memory is bounded by reading a few
rows at a time, and repeated text in dictionaries is measured before it is expanded ("Parquet bombs"); the number of
rows read is the number that the footer states.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqcls.errors import first_line
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
from seqcls.sources.stream import check_same, open_regular
from seqcls.sources.typed_columns import (
    check_role_type,
    check_sequence_type,
    check_value_type,
    is_text,
    to_names,
    to_sequence,
)  # fmt: skip
from seqcls.sources.unpacking import check_footer, most_bytes, row_bytes, too_large, written_out
from seqcls.sources.wide import value_columns, wide_series
from seqcls.store.artefacts import file_digest
from seqcls.table import SourceBatch, reject

ROWS_PER_BATCH = 8192
ROWS_PER_STEP = 64
SMALL_PART = 1 << 26
CELLS_PER_BATCH = 4_000_000
_MAGIC = b"PAR1"


def read_parquet_source(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a Parquet file."""
    with open_regular(reading) as handle:
        _check_magic(reading, handle.read(4))
        facts = os.fstat(handle.fileno())
    with _parquet_errors(reading), pq.ParquetFile(reading.file.path, page_checksum_verification=True) as file:
        roles, channels = _check_schema(reading, file.schema_arrow)
        sequence = [name for names in channels for name in names] or reading.sequence_columns
        names = list(dict.fromkeys([*sequence, *roles.values()]))
        check_footer(reading, file, names)
        expected = file.metadata.num_rows
        texts, step = _leaves(file, names)
        layout = _Layout(names, sequence, channels, texts, min(step, max(1, CELLS_PER_BATCH // len(names))))
    found = 0
    for batch in _batches(reading, roles, layout):
        found += batch.rows_in
        yield batch
    if found != expected:
        raise reading.refuse(
            f"{found} rows, and its footer says {expected}", expected="the number of rows that the footer states",
            next_step="the file is damaged: fetch the file again",
        )  # fmt: skip
    check_same(reading, file_digest(reading.file.path), facts)


class _Layout(NamedTuple):
    """What to read from a file, and how."""

    names: list[str]
    sequence: list[str]
    channels: list[list[str]]
    """The columns of each channel, one for each time point; none where a column holds the series."""
    texts: list[str]
    """Leaves that stay dictionary-encoded: repeated text is kept once."""
    step: int
    """Rows decoded at a time."""


def _leaves(file: pq.ParquetFile, names: list[str]) -> tuple[list[str], int]:
    """Leaves of text that can stay dictionary-encoded, and how many rows are decoded at a time.

    Text stored as differences (DELTA_BYTE_ARRAY) has no dictionary: it is decoded a few rows at a time to see how large
    the rows are.
    """
    texts, step = list[str](), ROWS_PER_BATCH
    for leaf in range(file.metadata.num_columns):
        column = file.schema.column(leaf)
        if column.path.split(".")[0] in names and column.physical_type == "BYTE_ARRAY":
            groups = (file.metadata.row_group(number).column(leaf) for number in range(file.num_row_groups))
            if any(encoding.startswith("DELTA") for group in groups for encoding in group.encodings):
                step = ROWS_PER_STEP
            else:
                texts.append(column.path)
    return texts, step


def _batches(reading: Reading, roles: dict[Role, str], layout: _Layout) -> Iterator[SourceBatch]:
    row, total, most = 1, 0, most_bytes(reading.source, reading.file.size)
    for batch in _gathered(_read(reading, layout)):
        for part in _small_parts(batch):
            total += _unpacked(part)
            if total > most:
                raise too_large(reading, most)
            yield assemble(reading, _records(reading, part, row, roles, layout))
            row += part.num_rows


def _read(reading: Reading, layout: _Layout) -> Iterator[pa.RecordBatch]:
    with _parquet_errors(reading):
        file = pq.ParquetFile(reading.file.path, page_checksum_verification=True, read_dictionary=layout.texts)
        batches = file.iter_batches(batch_size=layout.step, columns=layout.names, use_threads=False)
    with file:
        while True:
            with _parquet_errors(reading):
                batch = next(batches, None)
                if batch is not None:
                    # Without page checksums, damage shows as indices out of bounds and invalid UTF-8.
                    batch.validate(full=True)
            if batch is None:
                return
            yield batch


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small steps joined, up to the rows of a batch: each batch has a fixed cost."""
    waiting, rows, size = list[pa.RecordBatch](), 0, 0
    for batch in batches:
        bytes_of_it = _unpacked(batch) if batch.num_rows <= ROWS_PER_STEP else SMALL_PART
        if waiting and (rows + batch.num_rows > ROWS_PER_BATCH or size + bytes_of_it > SMALL_PART):
            yield pa.concat_batches(waiting)
            waiting, rows, size = [], 0, 0
        if bytes_of_it >= SMALL_PART:
            yield batch
        else:
            waiting.append(pa.RecordBatch.from_arrays(list(map(written_out, batch.columns)), batch.schema.names))
            rows, size = rows + batch.num_rows, size + bytes_of_it
    if waiting:
        yield pa.concat_batches(waiting)


def _small_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve until the unpacked text is small: a dictionary with one long text may expand to gigabytes."""
    if batch.num_rows <= 1 or _unpacked(batch) < SMALL_PART:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _small_parts(batch.slice(0, half))
    yield from _small_parts(batch.slice(half))


def _unpacked(batch: pa.RecordBatch) -> int:
    return sum(int(row_bytes(column).sum()) for column in batch.columns)


def _check_magic(reading: Reading, start: bytes) -> None:
    if start != _MAGIC:
        raise reading.refuse(
            f"not a Parquet file: it begins with {start!r}",
            expected="b'PAR1'",
            next_step="check source.format, or fetch the file again",
        )


@contextmanager
def _parquet_errors(reading: Reading) -> Iterator[None]:
    try:
        yield
    except MemoryError:  # Arrow runs out of memory: that says nothing about the file
        raise
    except pa.ArrowCapacityError as error:
        raise reading.refuse(
            f"unpacks to more than fits into one column ({first_line(error)})", expected="rows of less than 2 GB",
            next_step="write the file again with shorter rows or smaller row groups",
        ) from None  # fmt: skip
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise reading.refuse(
            f"not a valid Parquet file ({first_line(error, 200)})",
            expected="a whole file",
            next_step="the file is cut off or damaged: fetch the file again",
        ) from None


def _check_schema(reading: Reading, schema: pa.Schema) -> tuple[dict[Role, str], list[list[str]]]:
    """The columns of the roles, and those of each channel if a series has a column for each time point."""
    if reading.source.values:
        roles = role_columns(reading, schema.names)
        channels = value_columns(reading, schema.names, roles)
    else:
        roles, channels = pick_columns(reading, schema.names), []
    for name in [name for names in channels for name in names]:
        check_value_type(reading, name, schema.field(name).type)
    for name in [] if channels else reading.sequence_columns:
        check_sequence_type(reading, name, schema.field(name).type)
    for role, name in roles.items():
        check_role_type(reading, name, schema.field(name).type, "a time" if role == "time" else "text or integers")
    return roles, channels


def _records(reading: Reading, batch: pa.RecordBatch, first: int, roles: dict[Role, str], layout: _Layout) -> Records:
    """Rows that are too long are removed before anything is expanded."""
    rows = row_numbers(first, batch.num_rows)
    long = _long_rows(reading, batch, layout.sequence)
    rejects = [_reject_long(reading, batch, index, first, roles, *long[index]) for index in long]
    if long:
        keep = np.ones(batch.num_rows, bool)
        keep[list(long)] = False
        batch, rows = batch.filter(pa.array(keep)), rows.filter(pa.array(keep))
    problems: Problems = {}
    columns = {name: written_out(batch.column(name)) for name in layout.sequence}
    if layout.channels:
        sequence = [wide_series(reading, columns, layout.channels, batch.num_rows, problems)]
    else:
        sequence = [to_sequence(reading, columns[name], name, problems) for name in layout.sequence]
    records = Records(rows, sequence, rejects=rejects, problems=problems, raw=lambda index: _show(batch, index))
    for role, name in roles.items():
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
