"""parquet: the files of any writer -> batches of Arrow columns.

Promise: the number of rows read is the number that the footer states; damage is detected by checksums and validation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from seqcls.errors import first_line
from seqcls.sources.columnar import SMALL_PART, batches_of, choose_columns, unpacked_bytes
from seqcls.sources.reading import Reading
from seqcls.sources.stream import check_same, open_regular
from seqcls.sources.unpacking import check_footer, written_out
from seqcls.store.artefacts import file_digest
from seqcls.table import SourceBatch

ROWS_PER_BATCH = 8192
ROWS_PER_STEP = 64
_MAGIC = b"PAR1"
_ARROW = (b"ARRO", b"\xff\xff\xff\xff")


class _Layout(NamedTuple):
    """How columns are read."""

    names: list[str]
    texts: list[str]
    """Leaves that stay dictionary-encoded: repeated text is kept once."""
    step: int
    """Rows decoded at a time."""


def read_parquet_source(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a Parquet file."""
    with open_regular(reading) as handle:
        _check_magic(reading, handle.read(4))
        facts = os.fstat(handle.fileno())
    with arrow_errors(reading), pq.ParquetFile(reading.file.path, page_checksum_verification=True) as file:
        chosen = choose_columns(reading, file.schema_arrow)
        check_footer(reading, file, chosen.names)
        expected = file.metadata.num_rows
        texts, step = _leaves(file, chosen.names)
        layout = _Layout(chosen.names, texts, chosen.rows_at_a_time(step))
    found = 0
    for batch in batches_of(reading, _gathered(_read(reading, layout)), chosen):
        found += batch.rows_in
        yield batch
    if found != expected:
        raise reading.refuse(
            f"{found} rows, and its footer says {expected}", expected="the number of rows that the footer states",
            next_step="the file is damaged: fetch the file again",
        )  # fmt: skip
    check_same(reading, file_digest(reading.file.path), facts)


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


def _read(reading: Reading, layout: _Layout) -> Iterator[pa.RecordBatch]:
    with arrow_errors(reading):
        file = pq.ParquetFile(reading.file.path, page_checksum_verification=True, read_dictionary=layout.texts)
        batches = file.iter_batches(batch_size=layout.step, columns=layout.names, use_threads=False)
    with file:
        while True:
            with arrow_errors(reading):
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
        bytes_of_it = unpacked_bytes(batch) if batch.num_rows <= ROWS_PER_STEP else SMALL_PART
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


def _check_magic(reading: Reading, start: bytes) -> None:
    if start != _MAGIC:
        raise reading.refuse(
            f"not a Parquet file: it begins with {start!r}",
            expected="b'PAR1'",
            next_step='set source.format = "arrow"'
            if start in _ARROW
            else "check source.format, or fetch the file again",
        )


@contextmanager
def arrow_errors(reading: Reading, name: str = "Parquet") -> Iterator[None]:
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
            f"not a valid {name} file ({first_line(error, 200)})",
            expected="a whole file",
            next_step="the file is cut off or damaged: fetch the file again",
        ) from None
