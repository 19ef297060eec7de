"""Sequences of small indices as bytes: what Parquet keeps of residues, a byte each, instead of lists of numbers.

Parquet writes each number of a list as 4 bytes with a level of its own, and packs and unpacks every one; bytes it
copies. In and out: Arrow columns of the same rows. Promise: no copy either way, because lists of bytes and binary
share one layout (Arrow columnar format, "Variable-size Binary" and "Variable-size List"); any other column is
returned as it is.
"""

from __future__ import annotations

import pyarrow as pa

LISTS, BYTES = pa.list_(pa.uint8()), pa.binary()


def stored_type(sequence: pa.DataType) -> pa.DataType:
    """The type of the column in encoded Parquet, for that of the sequences in memory."""
    return BYTES if sequence == LISTS else sequence


def packed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`list<uint8>` -> `binary`, to be written."""
    if column.type != LISTS:
        return column
    return pa.chunked_array([_to_bytes(chunk) for chunk in column.chunks], BYTES)


def unpacked(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`binary` -> `list<uint8>`, as it was before it was written."""
    if column.type != BYTES:
        return column
    return pa.chunked_array([_to_lists(chunk) for chunk in column.chunks], LISTS)


def _to_bytes(chunk: pa.ListArray) -> pa.Array:
    valid, offsets, _, values = chunk.buffers()
    start = chunk.values.offset
    data = (values or pa.py_buffer(b"")).slice(start, len(chunk.values))
    return pa.Array.from_buffers(BYTES, len(chunk), [valid, offsets, data], offset=chunk.offset)


def _to_lists(chunk: pa.Array) -> pa.Array:
    valid, offsets, data = chunk.buffers()
    data = data or pa.py_buffer(b"")
    values = pa.Array.from_buffers(pa.uint8(), data.size, [None, data])
    return pa.Array.from_buffers(LISTS, len(chunk), [valid, offsets], offset=chunk.offset, children=[values])
