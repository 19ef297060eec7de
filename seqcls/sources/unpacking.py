"""The unpacked size of compressed files, measured before they are expanded.

In: the footer of a Parquet file, or Arrow columns as they were read, with dictionary-encoded text. Out: bytes of a
file, of a column, of each row. Promise: a few kilobytes that expand to gigabytes ("bombs") are detected by their footer
or after one small step; nothing here expands a dictionary.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqcls.processors.available_memory import memory_left

if TYPE_CHECKING:
    from seqcls.config.source import SourceConfig
    from seqcls.errors import DataRefused
    from seqcls.sources.reading import Reading

USUAL = 1000
"""Times the size on disk: real tables expand less; zeros in gzip reach 1,030."""
SMALL = 256_000_000
"""Bytes that any compressed file may expand to."""
NUMBER_BYTES = 8
Sizes = npt.NDArray[np.int64]


def most_bytes(source: SourceConfig, packed: int) -> int:
    """`source.max_file_bytes`; if not set, what a compressed file of this size may reasonably hold."""
    if "max_file_bytes" in source.model_fields_set:
        return source.max_file_bytes
    return min(source.max_file_bytes, max(SMALL, USUAL * packed))


def too_large(reading: Reading, most: int) -> DataRefused:
    """The error for a compressed file that holds more than `most_bytes`."""
    is_set, given = most == reading.source.max_file_bytes, "source.max_file_bytes"
    usual = f"{USUAL} times its size on disk ({reading.file.size} bytes), or {SMALL} if that is more"
    return reading.refuse(
        f"more than {most} bytes after unpacking",
        expected=f"at most {given if is_set else usual}",
        next_step=f"split the file, or {'raise' if is_set else 'set'} {given} if its size is right",
    )


def check_footer(reading: Reading, file: pq.ParquetFile, names: list[str]) -> None:
    """Refuse what cannot fit according to the footer; a footer that states too little is detected while reading."""
    most, total, room = most_bytes(reading.source, reading.file.size), 0, memory_left()
    leaves = [n for n in range(file.metadata.num_columns) if file.schema.column(n).path.split(".")[0] in names]
    if not _survives(
        lambda: [file.metadata.row_group(i).column(n) for i in range(file.num_row_groups) for n in leaves]
    ):
        raise reading.refuse(
            "the footer is damaged: its facts about a column contradict each other", expected="a complete Parquet file",
            next_step="fetch the file again",
        )  # fmt: skip
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        for leaf in leaves:
            chunk = group.column(leaf)
            size = _least_bytes(chunk)
            total += size
            longest = NUMBER_BYTES * (chunk.num_values - group.num_rows + 1)
            is_list = file.schema.column(leaf).max_repetition_level > 0
            if is_list and longest > room // 2 and longest > USUAL * chunk.total_compressed_size:
                raise reading.refuse(
                    f"row group {number + 1} may unpack to one row of {longest} bytes, and {room} bytes of memory are "
                    "left", column=chunk.path_in_schema, expected="rows that fit into memory",
                    next_step="write the file with shorter rows or smaller row groups, or give the run more memory",
                )  # fmt: skip
    if total > most:
        raise too_large(reading, most)


def _survives(look: Callable[[], object]) -> bool:
    """Whether a process that looks lives to tell it.

    Arrow (25.0) ends the process, without an exception, where the statistics in a footer contradict its schema.
    """
    if not hasattr(os, "fork"):
        return True
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what C++ says at its end
        faulthandler.disable()
        status = 1
        try:
            look()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGABRT


def _least_bytes(chunk: pq.ColumnChunkMetaData) -> int:
    """Numbers have a fixed size; for text, at least the pages are unpacked."""
    if chunk.physical_type == "BYTE_ARRAY":
        return max(int(chunk.total_uncompressed_size), 4 * int(chunk.num_values))
    return max(int(chunk.total_uncompressed_size), NUMBER_BYTES * int(chunk.num_values))


def row_bytes(column: pa.Array) -> Sizes:
    """(N,) bytes of each row once expanded; 0 for a missing one."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = _numbers(pc.binary_length(column.dictionary)) if _is_text(kind.value_type) else None
        if lengths is None or not len(lengths):
            return np.full(len(column), NUMBER_BYTES if lengths is None else 0, np.int64)
        present = np.asarray(column.is_valid())
        return np.where(present, lengths[_numbers(column.indices)], 0)
    if _is_text(kind):
        return _numbers(pc.binary_length(_no_view(column)))
    if not _is_list(kind):
        return np.full(len(column), NUMBER_BYTES, np.int64)
    counts = _numbers(pc.list_value_length(column))
    inner = kind.value_type
    if not (_is_list(inner) or _is_text(inner) or pa.types.is_dictionary(inner)):
        plain: Sizes = counts * NUMBER_BYTES
        return plain
    # plus one separator for each, as in a text file
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(1 + row_bytes(pc.list_flatten(column)))])
    ends = np.cumsum(counts)
    found: Sizes = sums[ends] - sums[ends - counts]
    return found


def written_out(column: pa.Array) -> pa.Array:
    """Dictionary-encoded text, also within lists, as plain text; lists of any width as lists."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.dictionary_decode()
    if not _is_list(kind):
        return _no_view(column)
    offsets = np.concatenate([[0], np.cumsum(_numbers(pc.list_value_length(column)))])
    mask = pc.is_null(column) if column.null_count else None
    values = written_out(pc.list_flatten(column))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=mask)


def _no_view(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def _numbers(array: pa.Array) -> Sizes:
    filled: Sizes = pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return filled


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
