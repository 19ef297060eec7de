"""numpy: .npy files, and .npz files with one array of sequences, one of classes and one of ids.

In: an array of shape (N, T), (N, C, T) or, for text, (N,). Out: batches. Promise: nothing is unpickled (arrays of
Python objects are refused by name); a header that promises more than the file holds is refused before memory is taken;
rows are read a few at a time, whatever the size of the array.
"""

from __future__ import annotations

import errno
import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.errors import DataRefused, first_line
from seqcls.sources.assemble import assemble
from seqcls.sources.numbers import SERIES, from_number_lists, join_channels
from seqcls.sources.reading import Problems, Reading, Records, Role, add_problem, pick_columns, row_numbers
from seqcls.sources.stream import check_same, open_regular
from seqcls.sources.typed_columns import to_names
from seqcls.sources.unpacking import most_bytes, too_large
from seqcls.store.artefacts import file_digest
from seqcls.table import SourceBatch

CELLS_PER_BATCH = 1_000_000
_LARGEST_HEADER = 10_000


def read_numpy(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of an .npy or .npz file."""
    with open_regular(reading) as handle:
        facts = os.fstat(handle.fileno())
        with _errors(reading):
            if zipfile.is_zipfile(handle):
                with zipfile.ZipFile(handle) as archive:
                    yield from _read_archive(reading, archive)
            else:
                handle.seek(0)
                array = _Array.open(reading, handle, reading.file.size)
                yield from _batches(reading, array, {})
    check_same(reading, file_digest(reading.file.path), facts)


def _read_archive(reading: Reading, archive: zipfile.ZipFile) -> Iterator[SourceBatch]:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    roles = pick_columns(reading, list(members))
    [name] = reading.sequence_columns
    wanted = {name, *roles.values()}
    if sum(members[each].file_size for each in wanted) > (most := most_bytes(reading.source, reading.file.size)):
        raise too_large(reading, most)
    columns = {}
    for role, each in roles.items():
        with archive.open(members[each]) as member:
            columns[role] = _column(reading, each, _Array.open(reading, member, members[each].file_size))
    with archive.open(members[name]) as member:
        yield from _batches(reading, _Array.open(reading, member, members[name].file_size), columns)


@dataclass
class _Array:
    """An array whose header was read; its rows follow in the stream."""

    stream: IO[bytes]
    shape: tuple[int, ...]
    kind: np.dtype[Any]

    @classmethod
    def open(cls, reading: Reading, stream: Any, size: int) -> _Array:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = read(stream, max_header_size=_LARGEST_HEADER)
        if kind.hasobject:
            raise reading.refuse(
                "an array of Python objects, which only unpickling could read", expected="numbers or text",
                next_step="save np.asarray(X, dtype=float), or write Parquet with a list column",
            )  # fmt: skip
        promised = math.prod(shape) * kind.itemsize
        if promised > size:
            raise reading.refuse(
                f"an array of shape {shape} and type {kind} needs {promised} bytes, and the file has {size}",
                expected="a complete file", next_step="fetch the file again",
            )  # fmt: skip
        if by_columns and len(shape) > 1:
            raise reading.refuse(
                f"an array of shape {shape} that is stored column by column", expected="one that is stored row by row",
                next_step="save np.ascontiguousarray(X)",
            )  # fmt: skip
        return cls(stream, shape, kind)

    def rows(self, count: int) -> npt.NDArray[Any]:
        """The next rows. Raises ValueError if the file ends before them."""
        shape = (count, *self.shape[1:])
        size = math.prod(shape) * self.kind.itemsize
        data = b""
        while len(data) < size:
            piece = self.stream.read(size - len(data))
            if not piece:
                raise ValueError(f"the data end after {len(data)} of {size} bytes")
            data = data + piece if data else piece
        return np.frombuffer(data, self.kind).reshape(shape)


def _batches(reading: Reading, array: _Array, columns: dict[Role, pa.Array]) -> Iterator[SourceBatch]:
    _check_shape(reading, array)
    total, done = array.shape[0], 0
    for role, column in columns.items():
        if len(column) != total:
            raise reading.refuse(
                f"{total} sequences and {len(column)} values of {role}", expected="arrays of equal length",
                next_step="save the arrays again",
            )  # fmt: skip
    step = max(1, CELLS_PER_BATCH // max(1, math.prod(array.shape[1:])))
    while done < total:
        count = min(step, total - done)
        values = array.rows(count)
        problems: Problems = {}
        records = Records(row_numbers(done + 1, count), [_sequences(reading, values, problems)], problems=problems)
        records.columns = {role: column.slice(done, count) for role, column in columns.items()}
        yield assemble(reading, records)
        done += count


def _check_shape(reading: Reading, array: _Array) -> None:
    is_text = array.kind.kind == "U"
    if reading.kind == "series" and (is_text or array.kind.kind not in "iufb" or len(array.shape) not in (2, 3)):
        raise _not_this(reading, array, "numbers of shape (rows, positions) or (rows, channels, positions)")
    if reading.kind != "series" and not (is_text and len(array.shape) == 1):
        raise _not_this(reading, array, "text of shape (rows,)")


def _not_this(reading: Reading, array: _Array, expected: str) -> DataRefused:
    return reading.refuse(
        f"an array of shape {array.shape} and type {array.kind}", expected=expected,
        next_step="transpose or convert it, or correct source.sequence, which names the array of an .npz file",
    )  # fmt: skip


def _sequences(reading: Reading, values: npt.NDArray[Any], problems: Problems) -> pa.Array:
    if reading.kind != "series":
        return pa.array(values.tolist(), pa.string())
    deep = values[:, None] if values.ndim == 2 else values  # (N, C, T)
    rows, channels, length = deep.shape
    flat = pa.array(np.ascontiguousarray(deep, dtype=np.float64).reshape(-1), from_pandas=True)
    lists = pa.ListArray.from_arrays(pa.array(np.arange(rows * channels + 1, dtype=np.int32) * length), flat)
    floats, faults = from_number_lists(lists)
    for at, reason in faults.items():
        add_problem(problems, at // channels, "sequence", "number", reason)
    by_channel = [floats.take(pa.array(np.arange(rows) * channels + at)) for at in range(channels)]
    return join_channels(by_channel, [str(at) for at in range(channels)])[0].cast(SERIES)


def _column(reading: Reading, name: str, array: _Array) -> pa.Array:
    """Classes or ids as text."""
    if len(array.shape) != 1 or array.kind.kind not in "iufbU":
        raise _not_this(reading, array, f"text or integers of shape (rows,) in {name!r}")
    values = array.rows(array.shape[0])
    column = pa.array(values.tolist()) if array.kind.kind == "U" else pa.array(values)
    return to_names(column, name, {})


@contextmanager
def _errors(reading: Reading) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.EINVAL:  # a directory of the archive that points before its start
            raise
        raise _not_valid(reading, error) from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise _not_valid(reading, error) from None


def _not_valid(reading: Reading, error: Exception) -> DataRefused:
    return reading.refuse(
        f"not a valid NumPy file ({first_line(error, 200)})", expected="what np.save or np.savez writes",
        next_step="fetch the file again, or check source.format",
    )  # fmt: skip
