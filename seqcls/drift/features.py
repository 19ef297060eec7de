"""A few numbers of each row, by which rows of another kind show: scale, roughness, length, shares of letters.

In: sequences of the table (Arrow). Out: (N, D) numbers, NaN where a row has none (an empty row has no scale). Promise:
a row's numbers do not depend on the other rows; scales and lengths are logarithms to base 10, so that a factor is a
distance; memory is a few times that of the sequences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.table import Kind, one_array

Features = npt.NDArray[np.float64]
SHARES = {"dna": "ACGT", "protein": "ACDEFGHIKLMNPQRSTVWY"}
"""Letters whose shares are counted; upper and lower case are one."""
_CODE_POINTS = 0x110000


def feature_names(kind: Kind, channels: int) -> list[str]:
    """The columns of `features_of`."""
    if kind == "series":
        each = [f"{name} of channel {at + 1}" for at in range(channels) for name in ("scale", "roughness", "level")]
        return ["length", "share of missing values", *each]
    if kind == "tokens":
        return ["length"]
    letters = [f"share of {letter}" for letter in SHARES.get(kind, "")]
    return ["length", "share of letters that training had not", *letters]


def letters_of(batches: Sequence[pa.Array] | pa.ChunkedArray) -> str:
    """All letters of texts, sorted."""
    known = np.zeros(_CODE_POINTS, np.bool_)
    for batch in batches if not isinstance(batches, pa.ChunkedArray) else batches.chunks:
        known[_code_points(batch)] = True
    return "".join(map(chr, np.flatnonzero(known)))


def features_of(kind: Kind, sequences: pa.Array | pa.ChunkedArray, letters: str, channels: int) -> Features:
    """(N, D); a series with another number of channels has NaN for each channel."""
    column = one_array(sequences)
    if kind == "series":
        return _of_series(column, channels)
    if kind == "tokens":
        return np.log10(1.0 + _lengths(pc.list_value_length(column)))[:, None]
    return _of_letters(kind, column, letters)


def _lengths(counts: pa.Array) -> Features:
    lengths: Features = pc.fill_null(counts, 0).to_numpy(zero_copy_only=False).astype(np.float64)
    return lengths


def _of_letters(kind: Kind, column: pa.Array, letters: str) -> Features:
    lengths, points = _lengths(pc.utf8_length(column)), _code_points(column)
    known = np.zeros(_CODE_POINTS, np.bool_)
    known[[ord(letter) for letter in letters]] = True
    masks = [np.logical_not(known[points])]
    if kind in SHARES:
        points = np.where((points >= ord("a")) & (points <= ord("z")), points - 32, points)
        points = np.where((points == ord("U")) & (kind == "dna"), ord("T"), points)  # RNA
        masks += [points == ord(letter) for letter in SHARES[kind]]
    ends = np.cumsum(lengths).astype(np.int64)
    shares = [_means(mask, ends, lengths) for mask in masks]
    return np.stack([np.log10(1.0 + lengths), *shares], axis=1)


def _code_points(column: pa.Array) -> npt.NDArray[np.uint32]:
    """Of all texts, one after another."""
    text = "".join(column.drop_null().to_pylist())
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _means(mask: npt.NDArray[np.bool_], ends: npt.NDArray[np.int64], lengths: Features) -> Features:
    sums = np.concatenate([[0], np.cumsum(mask)])[np.concatenate([[0], ends])]
    with np.errstate(invalid="ignore"):
        shares: Features = np.diff(sums) / lengths  # NaN for an empty row
    return shares


def _of_series(column: pa.Array, channels: int) -> Features:
    """Scale: deviation. Roughness: deviation of the steps over that of the values. Level: mean over scale."""
    counts = _lengths(pc.list_value_length(column)).astype(np.int64)
    inner = pc.list_flatten(column)
    lengths = _lengths(pc.list_value_length(inner)).astype(np.int64)
    values = pc.list_flatten(inner).to_numpy(zero_copy_only=False).astype(np.float64)
    first = np.cumsum(counts) - counts  # the row's first channel
    fits = counts == channels
    found = np.full((len(counts), 2 + 3 * channels), np.nan)
    known = counts > 0
    found[known, 0] = np.log10(1.0 + lengths[first[known]])
    numbers = _of_channels(values, lengths)  # (sum of C, 4)
    for at in range(channels):
        found[fits, 2 + 3 * at : 5 + 3 * at] = numbers[first[fits] + at, :3]
    of_row = np.repeat(np.arange(len(counts)), counts)
    totals = np.bincount(of_row, lengths, len(counts))
    with np.errstate(invalid="ignore", divide="ignore"):
        found[:, 1] = np.bincount(of_row, numbers[:, 3], len(counts)) / totals
    return found


def _of_channels(values: Features, lengths: npt.NDArray[np.int64]) -> Features:
    """(channels of all rows, 4): log of the deviation, log of the roughness, mean, number of missing values."""
    table = np.full((len(lengths), 4), np.nan)
    table[:, 3] = 0
    filled = lengths > 0
    if not filled.any():
        return table
    starts = (np.cumsum(lengths) - lengths)[filled]
    present = np.isfinite(values)
    all_present = bool(present.all())
    count = lengths[filled] if all_present else np.add.reduceat(present, starts, dtype=np.int64)
    if not all_present:
        values = np.where(present, values, 0.0)
    steps = np.diff(values, append=values[-1])
    steps[starts[1:] - 1] = 0  # from one channel to the next
    pairs = np.maximum(count - 1, 0)
    if not all_present:
        both = present & np.append(present[1:], False)
        both[starts[1:] - 1] = False
        steps, pairs = np.where(both, steps, 0.0), np.add.reduceat(both, starts, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.add.reduceat(values, starts) / count
        square = np.add.reduceat(values * values, starts) / count
        variance = np.where(square - mean**2 > 1e-12 * square, square - mean**2, 0.0)  # the rest is rounding
        step = np.add.reduceat(steps * steps, starts) / pairs
        numbers = np.stack([np.log10(variance) / 2, np.log10(step / variance) / 2], axis=1)
    numbers[np.logical_not(np.isfinite(numbers))] = np.nan  # a constant series has no scale
    table[filled] = np.column_stack([numbers, mean, lengths[filled] - count])
    return table
