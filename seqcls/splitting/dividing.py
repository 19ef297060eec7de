"""Components -> splits: by hash, stratified, or by time.

In: `Components`. Out: the split of each component (0 train, 1 valid, 2 test). Promise: a component is never parted, and
only keys, labels and times decide, never the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from seqcls.errors import DataRefused
from seqcls.fingerprints import Hashes

Codes = npt.NDArray[np.int64]
TRAIN, VALID, TEST = 0, 1, 2
PARTS = (TEST, VALID)  # in the order in which they are filled; what is left trains


@dataclass(frozen=True)
class Components:
    """M components of N rows."""

    of_row: Codes
    """(N,) component of each row."""
    keys: Hashes
    """(M,) what decides."""
    labels: Codes
    """(N,) class of each row, -1 for none."""
    times: Codes
    """(N,) microseconds; only for the method `time`."""


def divide(components: Components, method: str, valid: float, test: float) -> Codes:
    """-> (M,) split of each component."""
    return _METHODS[method](components, {VALID: valid, TEST: test})


def _by_hash(components: Components, shares: dict[int, float]) -> Codes:
    """A fixed piece of the range of the hash for each split: more rows move nothing."""
    place = components.keys / 2.0**64  # uniform in [0, 1]
    return np.where(place < shares[TEST], TEST, np.where(place < shares[TEST] + shares[VALID], VALID, TRAIN))


def _stratified(components: Components, shares: dict[int, float]) -> Codes:
    """Each class gives its share to each split, to the nearest row where its components allow."""
    table = _count_classes(components)  # (M, K) rows of each component by class
    codes: Codes = np.zeros(len(components.keys), np.int64)
    per_class = table.sum(axis=0)
    quotas = [_quotas(int(rows), shares) for rows in per_class]
    wanted = {part: np.array([quota[part] for quota in quotas]) for part in PARTS}
    mixed = np.diff(table.indptr) > 1
    for component in sorted(np.flatnonzero(mixed).tolist(), key=components.keys.__getitem__):
        row = slice(table.indptr[component], table.indptr[component + 1])
        codes[component] = _place_mixed(table.indices[row], table.data[row], wanted)
    pure = np.flatnonzero(~mixed)
    label, size = table.indices[table.indptr[pure]], table.data[table.indptr[pure]]
    order = np.lexsort((components.keys[pure], label))
    bounds = np.searchsorted(label[order], np.arange(len(per_class) + 1))
    for k in range(len(per_class)):
        mine = order[bounds[k] : bounds[k + 1]]
        codes[pure[mine]] = _fill(size[mine], [(part, int(wanted[part][k])) for part in PARTS], bool(mixed.any()))
    return codes


def _count_classes(components: Components) -> csr_array:
    rows = np.ones(len(components.of_row), np.int64)
    labels = components.labels + 1  # rows without a class are a class of their own
    table = csr_array((rows, (components.of_row, labels)), shape=(len(components.keys), int(labels.max(initial=0)) + 1))
    table.sum_duplicates()
    return table


def _quotas(rows: int, shares: dict[int, float]) -> dict[int, int]:
    """Rows of a class for each split, one at least for training: of three rows each gets one, of two train and test."""
    quotas = dict.fromkeys(PARTS, 0)
    wanted = [part for part in PARTS if shares[part] > 0][: max(rows - 1, 0)]
    for part in wanted:
        quotas[part] = max(1, int(np.floor(rows * shares[part] + 0.5)))
    while sum(quotas.values()) >= rows > 0:
        quotas[max(wanted, key=quotas.__getitem__)] -= 1
    return quotas


def _place_mixed(classes: Codes, sizes: Codes, wanted: dict[int, Codes]) -> int:
    """A component of several classes goes where it brings the classes nearer to their shares, else to train."""
    for part in PARTS:
        need = wanted[part][classes]
        if (np.abs(need) - np.abs(need - sizes)).sum() > 0:
            wanted[part][classes] = need - sizes
            return part
    return TRAIN


def _fill(sizes: Codes, quotas: list[tuple[int, int]], has_mixed: bool) -> Codes:
    """Components of one class in the order of their keys: take what fits, until the quotas are met."""
    codes: Codes = np.zeros(len(sizes), np.int64)
    for part, quota in quotas:
        left = np.flatnonzero(codes == TRAIN)
        taken, missing = _take(sizes[left], quota)
        codes[left[taken]] = part
        left = np.flatnonzero(codes == TRAIN)
        # What is still missing is less than any component left: one more where that is nearer, or nothing is there.
        if missing > 0 and len(left) > 1:
            best = left[np.argmin(np.abs(sizes[left] - missing))]
            if abs(int(sizes[best]) - missing) < missing or (missing == quota and not has_mixed):
                codes[best] = part
    return codes


def _take(sizes: Codes, quota: int) -> tuple[Codes, int]:
    """Places of the components that fit one after the other, and how many rows are still missing."""
    chosen: list[Codes] = []
    places = np.arange(len(sizes))
    while quota > 0:
        places = places[sizes[places] <= quota]
        count = int(np.searchsorted(np.cumsum(sizes[places]), quota, side="right"))
        if count == 0:
            break
        chosen.append(places[:count])
        quota -= int(sizes[places[:count]].sum())
        places = places[count:]
    return np.concatenate(chosen) if chosen else np.empty(0, np.int64), quota


def _by_time(components: Components, shares: dict[int, float]) -> Codes:
    """The latest rows test, those before them validate; ties stay together.

    A component is as late as its latest row.
    """
    latest = np.full(len(components.keys), np.iinfo(np.int64).min)
    np.maximum.at(latest, components.of_row, components.times)
    moments, of_component = np.unique(-latest, return_inverse=True)  # latest first
    rows = np.bincount(of_component[components.of_row], minlength=len(moments)).cumsum()
    parts = [part for part in PARTS if shares[part] > 0]
    if len(moments) <= len(parts):
        raise DataRefused(
            f"{len(moments)} different times",
            where="column time",
            expected=f"at least {len(parts) + 1}, one for each split",
            next_step='split by method = "stratified", or give more precise times',
        )
    codes: Codes = np.zeros(len(moments), np.int64)
    start, share = 0, 0.0
    for position, part in enumerate(parts):
        share += shares[part]
        nearest = int(np.argmin(np.abs(rows - share * rows[-1]))) + 1
        end = min(max(nearest, start + 1), len(moments) - (len(parts) - position))
        codes[start:end] = part
        start = end
    return codes[of_component]


_METHODS: dict[str, Callable[[Components, dict[int, float]], Codes]] = {
    "hash": _by_hash,
    "stratified": _stratified,
    "time": _by_time,
}
