"""Rows of unequal length as one flat array and its offsets, which all encoders use.

In: Arrow strings or lists. Out: NumPy views of their buffers, and back. Promise: no Python loop over rows;
row r of a `Ragged` is values[offsets[r]:offsets[r + 1]].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.config.encode import Cut

Numbers = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ragged:
    """N rows: `values` (sum of lengths,), `offsets` (N + 1,), the first 0."""

    values: Numbers
    offsets: Numbers

    @property
    def lengths(self) -> Numbers:
        return np.diff(self.offsets)

    def to_arrow(self) -> pa.ListArray:
        # Arrow's cast refuses offsets beyond 2³¹ − 1; NumPy's would wrap around.
        offsets = pa.array(self.offsets, pa.int64()).cast(pa.int32())
        return pa.ListArray.from_arrays(offsets, pa.array(self.values))


def from_lists(array: pa.ListArray) -> tuple[pa.Array, Numbers]:
    """Lists without nulls -> their flat values (possibly with nulls) and offsets, for slices too."""
    offsets = array.offsets.to_numpy().astype(np.int64)
    return array.flatten(), offsets - offsets[0] if len(offsets) else np.zeros(1, np.int64)


def string_bytes(array: pa.StringArray) -> Ragged:
    """Strings without nulls -> their UTF-8 bytes (uint8), a view of Arrow's buffer."""
    if len(array) == 0:
        return Ragged(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    values = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return Ragged(values[offsets[0] : offsets[-1]], offsets - offsets[0])


def to_strings(rows: Ragged) -> pa.StringArray:
    """UTF-8 bytes (uint8) -> strings."""
    offsets = pa.array(rows.offsets, pa.int64()).cast(pa.int32())
    data = pa.py_buffer(np.ascontiguousarray(rows.values))
    return pa.StringArray.from_buffers(len(offsets) - 1, offsets.buffers()[1], data)


def from_lengths(lengths: Numbers) -> Numbers:
    """Lengths (N,) -> offsets (N + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def places(starts: Numbers, lengths: Numbers, step: int = 1) -> Numbers:
    """Flat indices starts[r], starts[r] + step, ... (lengths[r] of them), row after row."""
    offsets = from_lengths(lengths)
    indices: Numbers = np.arange(offsets[-1]) * step + np.repeat(starts - offsets[:-1] * step, lengths)
    return indices


def cut(rows: Ragged, max_length: int, keep: Cut) -> tuple[Ragged, Mask]:
    """Keep the head, tail or middle of rows longer than `max_length`; returns which rows were cut."""
    lengths = rows.lengths
    too_long = lengths > max_length
    if not too_long.any():
        return rows, too_long
    surplus = np.where(too_long, lengths - max_length, 0)
    skipped = {"head": 0 * surplus, "tail": surplus, "middle": surplus // 2}[keep]
    kept = np.minimum(lengths, max_length)
    return Ragged(rows.values[places(rows.offsets[:-1] + skipped, kept)], from_lengths(kept)), too_long


def fill_empty(rows: Ragged, value: int) -> Ragged:
    """Give empty rows one position, so that a network always has an input."""
    empty = rows.lengths == 0
    if not empty.any():
        return rows
    values = np.insert(rows.values, rows.offsets[:-1][empty], value)
    return Ragged(values, from_lengths(np.where(empty, 1, rows.lengths)))


def count_marked(marked: Mask, offsets: Numbers) -> pa.Int32Array:
    """Number of marked positions of each row."""
    if not marked.any():  # the usual case, and ten times faster to check than to search for positions
        return pa.array(np.zeros(len(offsets) - 1, np.int32))
    rows = np.searchsorted(offsets, np.flatnonzero(marked), side="right") - 1
    return pa.array(np.bincount(rows, minlength=len(offsets) - 1).astype(np.int32))
