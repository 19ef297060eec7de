"""Assign rows to folds: for the folds of a search, and for what a fit holds out of its own rows.

In: labels, and sequences in memory. Out: the fold of each row. Promise: rows of one class are spread evenly; equal
sequences are in the same fold, so that no fold reveals the label of a row of another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.arrays import Integers


def assign_folds(labels: Integers, groups: Integers, parts: int, seed: int) -> Integers:
    """(N,), (N,) -> fold of each row, 0 to `parts` - 1: groups stay together; each class is spread evenly."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(first))
    order = shuffled[np.argsort(labels[first][shuffled], kind="stable")]
    part = np.empty(len(first), np.int64)
    part[order] = np.arange(len(first)) % parts
    assigned: Integers = part[inverse]
    return assigned


def same_sequences(values: npt.NDArray[Any], offsets: Integers) -> Integers:
    """(N,) equal numbers for rows with equal sequences, bit for bit; row i is `values[offsets[i] : offsets[i + 1]]`."""
    flat = np.ascontiguousarray(values)
    each = flat.dtype.itemsize * int(np.prod(flat.shape[1:], dtype=np.int64))
    buffers = [None, pa.py_buffer(offsets.astype(np.int64) * each), pa.py_buffer(flat)]
    written = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
    return np.asarray(pc.dictionary_encode(written).indices, dtype=np.int64)
