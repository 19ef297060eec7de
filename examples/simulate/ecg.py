"""Simulated electrocardiograms: two seconds of one lead, five rhythms.

In: number of rows and a seed. Out: a table `record, patient, rhythm, v0 .. v499` in mV at 250 Hz, or CSV files.
Promise: the same seed gives the same rows; patients differ in rate, amplitudes, widths and polarity, so that
rows of one patient resemble each other (`patient` is the group); the first beat falls at a random phase.

Each wave of a beat is a Gaussian in time, as in McSharry, Clifford, Tarassenko and Smith (2003), "A dynamical model
for generating synthetic electrocardiogram signals", IEEE TBME 50(3), table I; deviations from the paper: the sum is
evaluated directly instead of integrating the ODE, beats are placed one by one (an ectopic beat needs that), and
times are in seconds, with those after the R wave scaled by the square root of the beat's length (Bazett).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

POINTS: Final = 500
RATE_HZ: Final = 250
CLASSES: Final = ("atrial-fibrillation", "bundle-branch-block", "normal", "st-elevation", "ventricular-ectopy")
_FIBRILLATION, _BLOCK, _NORMAL, _ELEVATION, _ECTOPY = range(5)
BALANCED: Final[Mapping[str, float]] = dict.fromkeys(CLASSES, 0.2)
CLINIC: Final[Mapping[str, float]] = {
    "atrial-fibrillation": 0.12,
    "bundle-branch-block": 0.10,
    "normal": 0.60,
    "st-elevation": 0.06,
    "ventricular-ectopy": 0.12,
}
"""Shares of the classes, roughly those of PTB-XL (Wagner et al. 2020, Scientific Data 7): normal is the majority."""

ROWS_A_PATIENT: Final = 8
_BEATS: Final = 10  # enough for 150 beats a minute in two seconds on either side of an ectopic beat
_REACH: Final = 0.6  # seconds: a beat further outside the record leaves no trace in it
_CHUNK: Final = 256  # rows at a time: 500 kB of float32, which stays in the cache
_SECONDS: Final = np.arange(POINTS, dtype=np.float32) / RATE_HZ

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class _Wave:
    """Place relative to the R wave in seconds, height in mV, width (standard deviation) in seconds."""

    place: float
    height: float
    width: float


_P: Final = _Wave(-0.17, 0.16, 0.022)
_SINUS: Final = (_Wave(-0.028, -0.10, 0.009), _Wave(0.0, 1.0, 0.011), _Wave(0.030, -0.22, 0.010))
_T: Final = _Wave(0.27, 0.28, 0.045)
# A blocked bundle: the late half of the heart is excited slowly: QRS above 0.12 s, notched, T wave against it.
_BLOCKED: Final = (_Wave(-0.020, 0.45, 0.018), _Wave(0.022, 0.62, 0.022), _Wave(0.070, 0.30, 0.024))
_BLOCKED_T: Final = _Wave(0.30, -0.22, 0.050)
# A beat from the ventricle itself: no P wave, wide, tall, T wave against it.
_ECTOPIC: Final = (_Wave(-0.050, -0.25, 0.025), _Wave(0.0, 1.35, 0.040), _Wave(0.085, -0.35, 0.035))
_ECTOPIC_T: Final = _Wave(0.28, -0.42, 0.060)


@dataclass(frozen=True)
class _Rows:
    """What one row needs of its patient and class; every array has one entry a row."""

    label: Integers
    rate: Floats  # beats a minute
    height: Floats
    width: Floats
    polarity: Floats
    p_height: Floats
    t_height: Floats

    def at(self, chosen: NDArray[np.bool_]) -> _Rows:
        return _Rows(*(getattr(self, field.name)[chosen] for field in fields(self)))


def generate(
    rows: int, seed: int, *, shares: Mapping[str, float] = BALANCED, noise: float = 1.0, prefix: str = "e"
) -> pa.Table:
    """`rows` labelled records; `shares` of the classes sum to 1; `noise` scales every disturbance."""
    rng = np.random.default_rng([seed, 2])
    chosen = rng.choice(len(CLASSES), rows, p=[shares[name] for name in CLASSES])
    patients = max(1, -(-rows // ROWS_A_PATIENT))
    patient = rng.integers(0, patients, rows)
    traits = _traits(rng, patients)
    values = np.empty((rows, POINTS), dtype=np.float32)
    for start in range(0, rows, _CHUNK):
        part = slice(start, min(start + _CHUNK, rows))
        values[part] = _record(rng, _rows(rng, chosen[part], traits[patient[part]]), noise)
    return _table(prefix, patient, chosen, np.round(values, 3))  # 1 µV: the resolution of the recorder


def write(folder: Path, rows: int, seed: int) -> list[Path]:
    """Two wide CSV files `train-N.csv`, one row a record."""
    folder.mkdir(parents=True, exist_ok=True)
    table = generate(rows, seed)
    half = rows // 2
    paths = [folder / "train-1.csv", folder / "train-2.csv"]
    for path, part in zip(paths, (table.slice(0, half), table.slice(half)), strict=True):
        path.write_bytes(b"".join([header(part), *csv_records(part)]))
    return paths


def header(table: pa.Table) -> bytes:
    """First line of the file."""
    return (",".join(table.column_names) + "\n").encode()


def csv_records(table: pa.Table) -> list[bytes]:
    """One CSV line a row, values in mV with three decimals."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(include_header=False, quoting_style="none"))
    return bytes(sink.getvalue().to_pybytes()).splitlines(keepends=True)


def _table(prefix: str, patient: Integers, label: Integers, values: Floats) -> pa.Table:
    rows = len(label)
    columns: dict[str, pa.Array] = {
        "record": pa.array([f"{prefix}{row:07d}" for row in range(1, rows + 1)]),
        "patient": pa.array([f"{prefix}p{number:05d}" for number in (patient + 1).tolist()]),
        "rhythm": pa.array([CLASSES[number] for number in label.tolist()]),
    }
    return pa.table(columns | {f"v{point}": pa.array(values[:, point]) for point in range(POINTS)})


def _traits(rng: np.random.Generator, patients: int) -> Floats:
    """(patients, 6): rate, height, width, polarity, height of P, height of T."""
    return np.stack(
        [
            rng.normal(74, 11, patients).clip(50, 115),
            rng.lognormal(0.0, 0.25, patients),
            rng.normal(1.0, 0.08, patients).clip(0.8, 1.25),
            np.where(rng.random(patients) < 0.12, -1.0, 1.0),  # the lead looks at the heart from the other side
            rng.lognormal(0.0, 0.25, patients),
            rng.lognormal(0.0, 0.30, patients),
        ],
        axis=1,
    ).astype(np.float32)


def _rows(rng: np.random.Generator, label: Integers, traits: Floats) -> _Rows:
    rate = traits[:, 0] + rng.normal(0, 4, len(label)).astype(np.float32)
    rate = np.where(label == _FIBRILLATION, rate + 25, rate)  # unchecked by the node: faster
    heights = [(trait * rng.normal(1, 0.05, len(label))).astype(np.float32) for trait in traits[:, [1, 2, 4, 5]].T]
    return _Rows(label, rate, heights[0], heights[1], traits[:, 3], heights[2], heights[3])


def _record(rng: np.random.Generator, rows: _Rows, noise: float) -> Floats:
    """(rows, POINTS) in mV: beats, then what the body and the wires add."""
    peaks, lengths, ectopic = _place_beats(rng, rows)
    heart = np.zeros((len(rows.label), POINTS), dtype=np.float32)
    for beat in range(_BEATS):
        seen = (peaks[:, beat] > -_REACH) & (peaks[:, beat] < POINTS / RATE_HZ + _REACH)
        heart[seen] += _beat(rows.at(seen), peaks[seen, beat], lengths[seen, beat], ectopic[seen, beat])
    heart += _fibrillatory_waves(rng, rows)
    heart *= (rows.height * rows.polarity)[:, None]
    return heart + np.float32(noise) * _disturbances(rng, len(rows.label))


def _place_beats(rng: np.random.Generator, rows: _Rows) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Times of the R waves in seconds, lengths of the beats before them, and which beat is ectopic."""
    count = len(rows.label)
    mean = 60 / rows.rate
    spread = np.where(rows.label == _FIBRILLATION, 0.20, 0.035)  # RR variability over its mean
    lengths = mean[:, None] * rng.normal(1.0, spread[:, None], (count, _BEATS)).clip(0.55, 1.7)
    ectopic = np.zeros((count, _BEATS), dtype=bool)
    start = -rng.random(count) * mean
    with_ectopy = np.flatnonzero(rows.label == _ECTOPY)
    which = rng.integers(4, 6, len(with_ectopy))
    ectopic[with_ectopy, which] = True
    premature = rng.uniform(0.58, 0.75, len(with_ectopy))
    lengths[with_ectopy, which] = mean[with_ectopy] * premature
    lengths[with_ectopy, which + 1] = mean[with_ectopy] * (2 - premature)  # compensatory pause: the sinus keeps time
    peaks = start[:, None] + np.cumsum(lengths, axis=1) - lengths[:, :1]
    # The ectopic beat must be seen: move the record so that its peak falls 0.25 to 1.75 s after the start.
    place = peaks[with_ectopy, which]
    peaks[with_ectopy] += (rng.uniform(0.25, 1.75, len(place)) - place)[:, None]
    return peaks.astype(np.float32), lengths.astype(np.float32), ectopic


def _beat(rows: _Rows, peak: Floats, length: Floats, ectopic: NDArray[np.bool_]) -> Floats:
    """(rows, POINTS): one beat of every row, R wave at `peak` seconds."""
    blocked = rows.label == _BLOCK
    stretch = np.sqrt(length.clip(0.4, 1.4))
    volts = np.zeros((len(peak), POINTS), dtype=np.float32)
    for sinus, block, ectopy in zip(_SINUS, _BLOCKED, _ECTOPIC, strict=True):
        place, height, width = _choose(sinus, block, ectopy, blocked, ectopic)
        volts += _wave(peak + place * rows.width, height, width * rows.width)
    place, height, width = _choose(_T, _BLOCKED_T, _ECTOPIC_T, blocked, ectopic)
    volts += _wave(peak + place * stretch, height * rows.t_height, width * stretch)
    has_p = ~ectopic & (rows.label != _FIBRILLATION)
    volts += _wave(peak + _P.place, _P.height * rows.p_height * has_p, _P.width * rows.width)
    # Injured muscle lifts the segment between S and T.
    lift = 0.28 * rows.t_height * (rows.label == _ELEVATION)
    volts += _wave(peak + 0.13 * stretch, lift, 0.05 * stretch)
    return volts


def _choose(
    sinus: _Wave, block: _Wave, ectopy: _Wave, blocked: NDArray[np.bool_], ectopic: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """(place, height, width) of the wave that fits each row."""
    table = np.array([astuple(sinus), astuple(block), astuple(ectopy)], dtype=np.float32)
    place, height, width = table[np.where(ectopic, 2, blocked.astype(int))].T
    return place, height, width


def _wave(place: Floats, height: Floats, width: Floats) -> Floats:
    """height · exp(−(t − place)² / 2 width²), McSharry et al. (2003), eq. 1 without the ODE."""
    distance = np.subtract(_SECONDS[None, :], place[:, None], dtype=np.float32)
    distance *= (np.sqrt(0.5) / width).astype(np.float32)[:, None]
    np.square(distance, out=distance)
    np.negative(distance, out=distance)
    np.exp(distance, out=distance)
    distance *= height.astype(np.float32)[:, None]
    return distance


def _fibrillatory_waves(rng: np.random.Generator, rows: _Rows) -> Floats:
    """4 to 9 waves a second of changing height instead of P waves; zero for the other classes."""
    count = len(rows.label)
    hertz = rng.uniform(4, 9, (count, 1)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, (count, 2)).astype(np.float32)
    drift = 0.6 * np.sin(2 * np.pi * 0.7 * _SECONDS[None, :] + phase[:, 1:])
    height = np.where(rows.label == _FIBRILLATION, rng.uniform(0.05, 0.12, count), 0).astype(np.float32)
    waves: Floats = height[:, None] * np.sin(2 * np.pi * hertz * _SECONDS[None, :] + phase[:, :1] + drift)
    return waves.astype(np.float32)


def _disturbances(rng: np.random.Generator, count: int) -> Floats:
    """Breathing (0.15 to 0.4 Hz), mains (50 Hz), muscles (white), and in 5 % of rows an electrode that moves."""

    def column(low: float, high: float) -> Floats:
        return rng.uniform(low, high, (count, 1)).astype(np.float32)

    turn = np.float32(2 * np.pi)
    breath = column(0.0, 0.25) * np.sin(turn * (column(0.15, 0.4) * _SECONDS[None, :] + column(0, 1)))
    mains = column(0.0, 0.03) * np.sin(turn * (np.float32(50) * _SECONDS[None, :] + column(0, 1)))
    muscle = column(0.01, 0.045) * rng.standard_normal((count, POINTS), dtype=np.float32)
    moved = np.where(rng.random((count, 1)) < 0.05, rng.normal(0, 0.4, (count, 1)), 0).astype(np.float32)
    step = moved * (_SECONDS[None, :] > column(0, 2))
    return (breath + mains + muscle + step + column(-0.1, 0.1)).astype(np.float32)
