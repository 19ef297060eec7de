"""What the training rows of a model were like: the artefact `reference`, and which new rows lie far outside of it.

In: the training rows. Out: quantiles of each number of `features.py`. Promise: of new rows like those of the training
less than one in a thousand lies far outside (docs/evidence/unlike-training.md); it is made of the training split alone;
memory does not grow with the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.drift.features import Features, feature_names, features_of, letters_of
from seqcls.splitting.split_names import SplitNames
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.parquet import iterate, rows_of, shards
from seqcls.store.records import ReferenceMeta
from seqcls.table import SPLITS, Kind

FILE = "reference.json"
MOST_ROWS = 50_000
"""Rows that quantiles are taken of; from larger training splits, every n-th row."""
FEWEST_ROWS = 20
"""Training rows below which nothing is called far outside."""
_BYTES_PER_BATCH = 4 * 1024 * 1024
_NARROW, _WIDE = (0.01, 0.99), (0.0005, 0.9995)
_LEAST_SPREAD = {"length": 0.3, "scale": 0.3, "roughness": 0.15, "level": 1.0, "share": 0.1}
"""Smallest distance that counts as far, by the first word of a name: 0.3 is a factor of 2."""


@dataclass(frozen=True)
class Reference:
    """For each number: the range that 98 % of the training rows have, and the one outside of which a row is far."""

    kind: Kind
    rows: int
    channels: int
    letters: str
    usual: tuple[tuple[float, float], ...]
    far: tuple[tuple[float, float], ...]
    level_scale: tuple[float, ...] = ()
    """Series: the median deviation of each channel, by which levels are divided."""

    @property
    def names(self) -> list[str]:
        """What each number is."""
        return feature_names(self.kind, self.channels)

    def features(self, sequences: pa.Array | pa.ChunkedArray) -> Features:
        """(N, D)."""
        found = features_of(self.kind, sequences, self.letters, self.channels)
        return _with_levels(found, self.level_scale)

    def outside(self, features: Features, ranges: tuple[tuple[float, float], ...]) -> npt.NDArray[np.int8]:
        """(N, D): -1 below, 1 above the range of each number, 0 within; numbers that a row has not are within."""
        low, high = np.array(ranges).T
        with np.errstate(invalid="ignore"):
            sides: npt.NDArray[np.int8] = (features > high).astype(np.int8) - (features < low).astype(np.int8)
        return sides


def make_reference(checked: Ref, splits: Ref, kind: Kind, store: ArtefactStore) -> Ref:
    """Read the training rows twice: for the letters, then for the numbers."""
    letters = "" if kind in ("series", "tokens") else letters_of(list(_training_rows(checked, splits)))
    features, channels, scales, total = _sampled(checked, splits, kind, letters)
    features = _with_levels(features, scales)
    names = feature_names(kind, channels)
    ranges = [_ranges(column, name, len(features)) for name, column in zip(names, features.T, strict=True)]
    reference = Reference(
        kind, total, channels, letters, tuple(usual for usual, _ in ranges), tuple(far for _, far in ranges), scales
    )
    with store.write("reference") as draft:
        (draft.folder / FILE).write_text(json.dumps(asdict(reference), ensure_ascii=False), encoding="utf-8")
        draft.inputs |= {"checked": checked.digest, "splits": splits.digest}
        draft.describe(ReferenceMeta(rows=total, numbers=tuple(names)))
    return draft.ref


def open_reference(ref: Ref) -> Reference:
    """Read it again."""
    saved = json.loads((ref.folder / FILE).read_text(encoding="utf-8"))
    for name in ("usual", "far"):
        saved[name] = tuple((float(low), float(high)) for low, high in saved[name])
    return Reference(**(saved | {"level_scale": tuple(saved["level_scale"])}))


def _training_rows(checked: Ref, splits: Ref) -> Iterator[pa.Array]:
    """Sequences of the training split."""
    parts = shards(checked.folder / "rows")
    rows = rows_of(parts, _BYTES_PER_BATCH)
    names = SplitNames(iterate([splits.folder / "splits.parquet"], ["split"], rows), str(splits))
    train = SPLITS.index("train")
    for table in iterate(parts, ["sequence"], rows):
        chosen = names.take(table.num_rows) == train
        yield from table["sequence"].filter(pa.array(chosen)).chunks


def _sampled(checked: Ref, splits: Ref, kind: Kind, letters: str) -> tuple[Features, int, tuple[float, ...], int]:
    """Numbers of at most about MOST_ROWS rows, the number of channels, their median deviations, all rows."""
    total = sum(len(batch) for batch in _training_rows(checked, splits))
    step, start, channels = max(1, total // MOST_ROWS), 0, 0
    found = []
    for batch in _training_rows(checked, splits):
        channels = channels or (len(batch[0]) if kind == "series" and len(batch) else 0)
        chosen = np.flatnonzero((start + np.arange(len(batch))) % step == 0)
        found.append(features_of(kind, batch.take(pa.array(chosen)), letters, channels))
        start += len(batch)
    features = np.concatenate(found) if found else np.zeros((0, len(feature_names(kind, channels))))
    scales = [_median(10.0 ** features[:, 2 + 3 * at]) for at in range(channels)]
    return features, channels, tuple(scales), total


def _median(values: Features) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else 1.0


def _with_levels(features: Features, scales: tuple[float, ...]) -> Features:
    """Means in units of the median deviation of their channel."""
    for at, scale in enumerate(scales):
        features[:, 4 + 3 * at] /= max(scale, 1e-30)
    return features


def _ranges(column: Features, name: str, rows: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """The usual range, and the far one: half as wide again on each side, wider where few rows were seen."""
    column = column[np.isfinite(column)]
    if not len(column):
        return (-np.inf, np.inf), (-np.inf, np.inf)
    usual, wide = np.quantile(column, _NARROW), np.quantile(column, _WIDE)
    least = next(spread for word, spread in _LEAST_SPREAD.items() if name.startswith(word))
    margin = max(least, (wide[1] - wide[0]) * (0.5 + 5 / np.sqrt(len(column))))
    if rows < FEWEST_ROWS:
        margin = np.inf
    return (float(usual[0]), float(usual[1])), (float(wide[0] - margin), float(wide[1] + margin))
