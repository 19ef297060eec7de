"""parquet: columns of any writer (pandas, Spark, Polars) -> records.

In: a Parquet file. Out: batches. Promise: types are checked before rows are read; memory is bounded by reading few rows
at a time, and text that stands many times in a dictionary is measured before it is written out ("Parquet bombs").
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqcls.artefacts import file_digest
from seqcls.sources.assemble import assemble
from seqcls.sources.reading import (
    Problems,
    Reading,
    Records,
    Role,
    add_problem,
    constant,
    pick_columns,
    row_numbers,
)
from seqcls.sources.stream import check_same, open_regular
from seqcls.sources.typed_columns import check_role_type, check_sequence_type, is_text, to_names, to_sequence
from seqcls.table import SourceBatch

ROWS_PER_BATCH = 8192
_MAGIC = b"PAR1"


def read_parquet_source(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a Parquet file."""
    with open_regular(reading) as handle:
        _check_magic(reading, handle.read(4))
        facts = os.fstat(handle.fileno())
    with _parquet_errors(reading):
        with pq.ParquetFile(reading.file.path, page_checksum_verification=True) as file:
            roles = _check_schema(reading, file.schema_arrow)
            unpacked = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
            _check_budget(reading, unpacked)
            names = list(dict.fromkeys([*reading.sequence_columns, *roles.values()]))
        texts = [name for name in names if pa.types.is_string(file.schema_arrow.field(name).type)]
    yield from _batches(reading, roles, names, texts)
    check_same(reading, file_digest(reading.file.path), facts)


def _batches(reading: Reading, roles: dict[Role, str], names: list[str], texts: list[str]) -> Iterator[SourceBatch]:
    row, total = 1, 0
    for batch in _read(reading, names, texts):
        for part in _small_parts(batch):
            total += sum(_unpacked_bytes(column) for column in part.columns)
            _check_budget(reading, total)
            yield assemble(reading, _records(reading, part, row, roles))
            row += part.num_rows


def _read(reading: Reading, names: list[str], texts: list[str]) -> Iterator[pa.RecordBatch]:
    with _parquet_errors(reading):
        file = pq.ParquetFile(reading.file.path, page_checksum_verification=True, read_dictionary=texts)
        batches = file.iter_batches(batch_size=ROWS_PER_BATCH, columns=names, use_threads=False)
    with file:
        while True:
            with _parquet_errors(reading):
                batch = next(batches, None)
                if batch is not None:
                    # Without page checksums damage decodes to indices out of bounds and letters that are no UTF-8.
                    batch.validate(full=True)
            if batch is None:
                return
            yield batch


def _small_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve until the unpacked text is small: a dictionary of one long text may stand for gigabytes."""
    if batch.num_rows <= 1 or sum(_unpacked_bytes(column) for column in batch.columns) < 1 << 26:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _small_parts(batch.slice(0, half))
    yield from _small_parts(batch.slice(half))


def _unpacked_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def _check_budget(reading: Reading, size: int) -> None:
    if size > reading.source.max_file_bytes:
        raise reading.refuse(
            f"more than {reading.source.max_file_bytes} bytes after unpacking",
            expected="at most source.max_file_bytes",
            next_step="split the file, or raise source.max_file_bytes if its size is right",
        )  # fmt: skip


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
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        text = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise reading.refuse(
            f"not a sound Parquet file ({text})",
            expected="a whole file",
            next_step="fetch the file again: it is cut short or damaged",
        ) from None


def _check_schema(reading: Reading, schema: pa.Schema) -> dict[Role, str]:
    roles = pick_columns(reading, schema.names)
    for name in reading.sequence_columns:
        check_sequence_type(reading, name, schema.field(name).type)
    for role, name in roles.items():
        check_role_type(reading, name, schema.field(name).type, "a time" if role == "time" else "text or integers")
    return roles


def _records(reading: Reading, batch: pa.RecordBatch, first: int, roles: dict[Role, str]) -> Records:
    problems: Problems = {}
    sequence = [to_sequence(reading, batch.column(name), name, problems) for name in reading.sequence_columns]
    records = Records(
        row_numbers(first, batch.num_rows), sequence, problems=problems, raw=lambda index: _show(batch, index)
    )
    for role, name in roles.items():
        column = batch.column(name)
        records.columns[role] = (
            column if role == "time" and not is_text(column.type) else to_names(column, name, problems)
        )
    if reading.source.label_from in ("file", "folder"):
        records.columns["label"] = constant(reading.file_label(), batch.num_rows)
    _note_long_rows(reading, sequence, problems)
    return records


def _note_long_rows(reading: Reading, sequence: list[pa.Array], problems: Problems) -> None:
    limit = reading.source.max_row_bytes
    for name, column in zip(reading.sequence_columns, sequence, strict=True):
        if not pa.types.is_string(column.type):
            continue
        sizes = pc.binary_length(column)
        for index in pc.indices_nonzero(pc.fill_null(pc.greater(sizes, limit), False)).to_pylist():
            reason = f"{sizes[index]} bytes; a row may have {limit} (source.max_row_bytes)"
            add_problem(problems, index, name, "row_bytes", reason)


def _show(batch: pa.RecordBatch, index: int) -> str:
    return repr(
        {name: _cell(column[index])[:1000] for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    )


def _cell(value: pa.Scalar) -> str:
    try:
        return str(value)
    except (OverflowError, ValueError):  # a time that Python has none for: its number, which is what the file holds
        return f"{value.value} as {value.type}"
