"""Rows that occur more than once, found with eight bytes per row and verified on the rows themselves.

In: fingerprints of all rows in order. Out: groups of rows with the same fingerprint. Promise: `Verifier` compares the
bytes of every repeated row with those of the first of its group while the rows are streamed; two different rows with
one fingerprint raise `Collision`, and the caller starts again with another seed. So equal means exactly equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.store.fingerprints import Hashes

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
ROWS_PER_STEP = 65_536


class Collision(Exception):
    """Two different values have the same fingerprint: not an error, another seed is tried."""


@dataclass(frozen=True)
class Repeats:
    """Rows (ascending) whose value occurs more than once; groups are numbered in the order of their first rows."""

    rows: Places
    groups: Places

    @property
    def is_first(self) -> Flags:
        """Whether each of `rows` is the first of its group."""
        first = np.zeros(len(self.rows), bool)
        first[np.unique(self.groups, return_index=True)[1]] = True
        return first


def find_repeats(hashes: Hashes, counted: Flags) -> Repeats:
    """Rows with equal hashes; rows that are not `counted` (empty ones) are never repeats.

    The hashes are sorted in slices of their range, never as a whole, and no permutation of all rows is made: most
    tables have few repeats.
    """
    slices = len(hashes) // ROWS_PER_STEP + 1
    several = np.concatenate([_repeated_hashes(hashes, counted, slices, number) for number in range(slices)])
    if len(several) == 0:
        return Repeats(np.empty(0, np.int64), np.empty(0, np.int64))
    rows = [_rows_among(hashes, counted, several, start) for start in range(0, len(hashes), ROWS_PER_STEP)]
    found = np.concatenate(rows)
    _, first, inverse = np.unique(hashes[found], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return Repeats(found, rank[inverse])


def _repeated_hashes(hashes: Hashes, counted: Flags, slices: int, number: int) -> Hashes:
    """Hashes of one slice of their range that occur more than once, ascending."""
    low, high = (np.uint64(2**64 * edge // slices - (edge == slices)) for edge in (number, number + 1))
    inside = (hashes >= low) & ((hashes <= high) if number + 1 == slices else (hashes < high)) & counted
    ordered = np.sort(hashes[inside])
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _rows_among(hashes: Hashes, counted: Flags, several: Hashes, start: int) -> Places:
    part = hashes[start : start + ROWS_PER_STEP]
    place = np.minimum(np.searchsorted(several, part), len(several) - 1)
    return start + np.flatnonzero((several[place] == part) & counted[start : start + ROWS_PER_STEP])


def later_rows(repeats: Repeats, total: int) -> Flags:
    """Flag the second and later rows of every group."""
    flags = np.zeros(total, bool)
    flags[repeats.rows[~repeats.is_first]] = True
    return flags


def later_pairs(repeats: Repeats, labels: npt.NDArray[np.int32], total: int) -> Flags:
    """Flag the second and later rows with the same value and the same label (rows without label: none)."""
    flags = np.zeros(total, bool)
    label = labels[repeats.rows]
    labelled = label >= 0
    rows, groups, label = repeats.rows[labelled], repeats.groups[labelled], label[labelled]
    pairs = groups * (int(labels.max(initial=0)) + 1) + label
    first = np.zeros(len(rows), bool)
    first[np.unique(pairs, return_index=True)[1]] = True
    flags[rows[~first]] = True
    return flags


def label_counts(repeats: Repeats, labels: npt.NDArray[np.int32], total: int) -> npt.NDArray[np.int16]:
    """Number of different labels of each row's value: 1 if the value does not repeat."""
    counts = np.ones(total, np.int16)
    label = labels[repeats.rows]
    width = int(labels.max(initial=0)) + 1
    pairs = np.unique(repeats.groups[label >= 0] * width + label[label >= 0])
    per_group = np.bincount(pairs // width, minlength=int(repeats.groups.max(initial=-1)) + 1)
    counts[repeats.rows] = np.clip(per_group[repeats.groups], 1, 2**15 - 1)
    return counts


class Verifier:
    """Compare repeated rows with the first of their group, batch after batch in the order of the rows."""

    def __init__(self, repeats: Repeats) -> None:
        self.repeats = repeats
        self._is_first = repeats.is_first
        self._values: list[pa.Array] = []

    def check(self, start: int, values: pa.Array) -> None:
        """`values` are those of rows start, start + 1, ...; raises Collision where values with equal hashes differ."""
        low, high = np.searchsorted(self.repeats.rows, [start, start + len(values)])
        if low == high:
            return
        local = pa.array(self.repeats.rows[low:high] - start)
        mine = values.take(local)
        first = self._is_first[low:high]
        self._values.append(
            mine.filter(pa.array(first))
        )  # groups are numbered by their first rows: appending keeps order
        if first.all():
            return
        known = pa.chunked_array(self._values).take(pa.array(self.repeats.groups[low:high][~first]))
        if not pc.all(pc.equal(known, mine.filter(pa.array(~first)))).as_py():
            raise Collision
