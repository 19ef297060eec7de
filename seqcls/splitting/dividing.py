"""Components -> splits: by hash, stratified, or by time.

In: `Components`. Out: the split of each component (0 train, 1 valid, 2 test). Promise: a component is never divided,
and only keys, labels and times decide, never the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from seqcls.errors import DataRefused
from seqcls.splitting.components import Components
from seqcls.splitting.rows import TEST, TRAIN, VALID, Splits

Sizes = npt.NDArray[np.int64]
PARTS = (TEST, VALID)  # in the order in which they are filled; the rest is for training


def divide(components: Components, method: str, valid: float, test: float) -> Splits:
    """-> (M,) split of each component."""
    return _METHODS[method](components, {VALID: valid, TEST: test})


def _by_hash(components: Components, shares: dict[int, float]) -> Splits:
    """Each split has a fixed part of the hash range, so more rows move nothing."""
    place = components.keys / 2.0**64  # uniform in [0, 1]
    codes = np.full(len(place), TRAIN, np.int8)
    codes[place < shares[TEST] + shares[VALID]] = VALID
    codes[place < shares[TEST]] = TEST
    return codes


def _stratified(components: Components, shares: dict[int, float]) -> Splits:
    """Each class gives its share to each split, to the nearest row if its components allow that."""
    labels = components.labels + np.int32(1)  # rows without a class are a class of their own
    per_class = np.bincount(labels)
    quotas = [_quotas(int(rows), shares) for rows in per_class]
    wanted = {part: np.array([quota[part] for quota in quotas]) for part in PARTS}
    codes = np.full(len(components.keys), TRAIN, np.int8)
    label_of = np.zeros(len(components.keys), np.int32)
    label_of[components.of_row] = labels
    is_mixed = np.zeros(len(components.keys), bool)
    is_mixed[components.of_row[label_of[components.of_row] != labels]] = True
    if is_mixed.any():
        _place_all_mixed(components, labels, is_mixed, wanted, codes)
    label_of[is_mixed] = len(per_class)  # sorted behind every class
    sizes = np.bincount(components.of_row).astype(np.int32)
    order = np.lexsort((components.keys, label_of))
    ends = np.bincount(label_of, minlength=len(per_class)).cumsum()
    for k, (start, end) in enumerate(zip([0, *ends[:-1]], ends[: len(per_class)], strict=False)):
        mine = order[start:end]
        codes[mine] = _fill(sizes[mine], [(part, int(wanted[part][k])) for part in PARTS], bool(is_mixed.any()))
    return codes


def _place_all_mixed(
    components: Components, labels: npt.NDArray[np.int32], is_mixed: npt.NDArray[np.bool_], wanted: dict[int, Sizes],
    codes: Splits,
) -> None:  # fmt: skip
    """Assign the components of several classes, in the order of their keys; updates `wanted` and `codes`."""
    rows = np.flatnonzero(is_mixed[components.of_row])
    counts = (np.ones(len(rows), np.int64), (components.of_row[rows], labels[rows]))
    table = csr_array(counts, shape=(len(codes), int(labels.max(initial=0)) + 1))  # (M, K) rows by class
    table.sum_duplicates()
    for component in sorted(np.flatnonzero(is_mixed).tolist(), key=components.keys.__getitem__):
        row = slice(table.indptr[component], table.indptr[component + 1])
        codes[component] = _place_mixed(table.indices[row], table.data[row], wanted)


def _quotas(rows: int, shares: dict[int, float]) -> dict[int, int]:
    """Rows of a class for each split, at least one for training: with three rows one each, with two train and test."""
    quotas = dict.fromkeys(PARTS, 0)
    wanted = [part for part in PARTS if shares[part] > 0][: max(rows - 1, 0)]
    for part in wanted:
        quotas[part] = max(1, int(np.floor(rows * shares[part] + 0.5)))
    while sum(quotas.values()) >= rows > 0:
        quotas[max(wanted, key=quotas.__getitem__)] -= 1
    return quotas


def _place_mixed(classes: npt.NDArray[np.int32], sizes: Sizes, wanted: dict[int, Sizes]) -> int:
    """A component with several classes goes where it brings the classes nearer to their shares, otherwise to train."""
    for part in PARTS:
        need = wanted[part][classes]
        if (np.abs(need) - np.abs(need - sizes)).sum() > 0:
            wanted[part][classes] = need - sizes
            return part
    return TRAIN


def _fill(sizes: npt.NDArray[np.int32], quotas: list[tuple[int, int]], has_mixed: bool) -> Splits:
    """Components of one class in the order of their keys: take what fits, until the quotas are met."""
    codes = np.full(len(sizes), TRAIN, np.int8)
    for part, quota in quotas:
        left = np.flatnonzero(codes == TRAIN)
        taken, missing = _take(sizes[left], quota)
        codes[left[taken]] = part
        left = np.flatnonzero(codes == TRAIN)
        # Each remaining component is larger than what is missing: take one if that is nearer, or if there is none yet.
        if missing > 0 and len(left) > 1:
            best = left[np.argmin(np.abs(sizes[left] - missing))]
            if abs(int(sizes[best]) - missing) < missing or (missing == quota and not has_mixed):
                codes[best] = part
    return codes


def _take(sizes: npt.NDArray[np.int32], quota: int) -> tuple[Sizes, int]:
    """Positions of the components that fit one after the other, and how many rows are still missing."""
    chosen: list[Sizes] = []
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


def _by_time(components: Components, shares: dict[int, float]) -> Splits:
    """The latest rows are the test split, those before them the validation split; ties stay together.

    The time of a component is that of its latest row.
    """
    assert components.times is not None, "read for this method"
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
    codes = np.full(len(moments), TRAIN, np.int8)
    start, share = 0, 0.0
    for position, part in enumerate(parts):
        share += shares[part]
        nearest = int(np.argmin(np.abs(rows - share * rows[-1]))) + 1
        end = min(max(nearest, start + 1), len(moments) - (len(parts) - position))
        codes[start:end] = part
        start = end
    return codes[of_component]


_METHODS: dict[str, Callable[[Components, dict[int, float]], Splits]] = {
    "hash": _by_hash,
    "stratified": _stratified,
    "time": _by_time,
}
