"""Time series -> float32, normalised, in time order (time-major, length T·C).

In: one list per channel, all of one length T within a row; null or not finite is missing. Out: values with NaN where
missing, C (with differences 2·C) values per time step. What `max_length` cuts off has no influence on the rest: the cut
comes first. normalise = "series" scales each channel of each row to mean 0 and deviation 1 over its observed values;
"channel" and "robust" use the training split. `difference` adds x[t] − x[t − 1] of the stored values, 0 at the start,
NaN next to a missing value. `decode` undoes "channel", "robust" and "none"; a row that was normalised by itself cannot
be restored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.encode import EncodeConfig, SeriesEncode
from seqcls.encoders.base import Batches, Encoded, Encoder, Saved, longest
from seqcls.encoders.columns import SequenceRefused, checked_sequences
from seqcls.encoders.ragged import Numbers, Ragged, count_marked, cut, from_lengths, from_lists, places
from seqcls.encoders.scaling import SAMPLE_SEED, Moments, Sample, normalise_each, scale_by
from seqcls.encoders.spec import InputSpec
from seqcls.table import Kind

_NO_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class SeriesEncoder(Encoder):
    """series / values."""

    config: SeriesEncode
    channels: int
    centre: list[float] | None
    """For each channel, in the units of the data; None for normalise = "series" and "none"."""
    scale: list[float] | None
    sample: dict[str, Any] | None
    """robust: the number of values, the largest sample, and its seed."""
    config_class = SeriesEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, SeriesEncode)
        learned: _Learned | None = None
        for batch in batches():
            array = checked_sequences(kind, batch)
            if len(array):
                learned = learned or _Learned(config, len(array[0]))
                learned.add(array)
        learned = learned or _Learned(config, 1)
        inputs = InputSpec(
            form="values", max_length=longest(config, iter([learned.longest])),
            channels=learned.channels * (2 if config.difference else 1), missing=learned.missing,
        )  # fmt: skip
        return cls(kind, unit, config, labels, inputs, learned.channels, *learned.scaling())

    def fitted(self) -> dict[str, Any]:
        return {"channels": self.channels, "centre": self.centre, "scale": self.scale, "sample": self.sample}

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        return cls(*saved.shared, **{name: saved.fitted[name] for name in ("channels", "centre", "scale", "sample")})

    def misfits(self, sequences: pa.ChunkedArray) -> dict[int, str]:
        """Series with another number of channels than those of the training."""
        found = pc.list_value_length(sequences).to_numpy(zero_copy_only=False)
        return {
            int(row): f"{found[row]} channels; expected {self.channels}, as in the training split"
            for row in np.flatnonzero(found != self.channels)
        }

    def encode(self, sequences: pa.Array | pa.ChunkedArray) -> Encoded:
        array = checked_sequences(self.kind, sequences)
        segments, cut_segments = cut(read_segments(array, self.channels), self.inputs.max_length, self.config.keep)
        truncated = cut_segments[:: self.channels]
        segments = Ragged(self._normalise(segments), segments.offsets)
        lengths = segments.lengths[:: self.channels]
        steps = _to_time_major(segments, self.channels)  # (sum of T, C)
        missing = np.zeros(0, np.bool_) if self.inputs.missing else np.isnan(segments.values)
        unknown = count_marked(missing, segments.offsets[:: self.channels])
        if self.config.difference:
            steps = np.concatenate([steps, _to_time_major(_differences(segments), self.channels)], axis=1)
        rows = Ragged(np.ascontiguousarray(steps).reshape(-1), from_lengths(lengths * self.inputs.channels))
        return Encoded(rows.to_arrow(), pa.array(truncated), unknown)

    def _normalise(self, segments: Ragged) -> npt.NDArray[np.float32]:
        if self.config.normalise == "series":
            return normalise_each(segments)
        if self.centre is None or self.scale is None:
            values: npt.NDArray[np.float32] = segments.values
            return values
        return scale_by(segments, np.array(self.centre), np.array(self.scale))

    def decode(self, sequence: pa.ListArray) -> pa.ListArray:
        values, offsets = from_lists(sequence)
        steps = values.to_numpy().reshape(-1, self.inputs.channels)[:, : self.channels]  # (sum of T, C)
        if self.centre is not None and self.scale is not None:
            steps = (steps * np.array(self.scale) + np.array(self.centre)).astype(np.float32)
        lengths = np.diff(offsets) // self.inputs.channels
        segments = _to_segments(steps, lengths, self.channels)
        flat = pa.array(segments.values, from_pandas=True)  # NaN -> null
        inner = pa.ListArray.from_arrays(pa.array(segments.offsets, pa.int32()), flat)
        return pa.ListArray.from_arrays(pa.array(np.arange(len(lengths) + 1) * self.channels, pa.int32()), inner)


class _Learned:
    """What one pass over the training split collects."""

    def __init__(self, config: SeriesEncode, channels: int) -> None:
        self.config, self.channels, self.longest, self.missing = config, max(channels, 1), 1, False
        self._moments = Moments(self.channels) if config.normalise == "channel" else None
        self._sample = Sample(self.channels) if config.normalise == "robust" else None

    def add(self, array: pa.Array) -> None:
        segments, _ = cut(read_segments(array, self.channels), self.config.max_length or _NO_LIMIT, self.config.keep)
        self.longest = max(self.longest, int(segments.lengths.max()))
        self.missing = self.missing or bool(np.isnan(segments.values).any())
        if self._moments:
            self._moments.add(segments)
        if self._sample:
            steps = _to_time_major(segments, self.channels)
            for channel in range(self.channels):
                self._sample.add(channel, steps[:, channel])

    def scaling(self) -> tuple[list[float] | None, list[float] | None, dict[str, Any] | None]:
        fitted = self._moments or self._sample
        if fitted is None:
            return None, None, None
        centre, scale = fitted.centre_and_scale()
        facts = None
        if self._sample:
            facts = {"seen": self._sample.seen, "limit": self._sample.limit, "seed": SAMPLE_SEED}
        return centre.tolist(), scale.tolist(), facts


def read_segments(array: pa.ListArray, channels: int) -> Ragged:
    """Series -> one segment per row and channel (N·C of them), NaN where missing."""
    found = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    if (found != channels).any():
        row = int(np.argmax(found != channels))
        raise SequenceRefused(f"{found[row]} channels", row=row, expected=f"{channels}, as in the training split")
    inner, _ = from_lists(array)
    if inner.null_count:
        row = pc.index(pc.is_null(inner), True).as_py() // channels
        raise SequenceRefused("a whole channel is missing", row=row, expected="a list of values (or nulls) per channel")
    values, offsets = from_lists(inner)
    lengths = np.diff(offsets).reshape(-1, channels)
    wrong = (lengths != lengths[:, :1]).any(axis=1) | (lengths[:, 0] == 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise SequenceRefused(
            f"channels of {', '.join(map(str, lengths[row]))} values",
            row=row,
            expected="one length, at least 1, for all channels",
        )
    flat = values.to_numpy(zero_copy_only=False)
    if np.isinf(flat).any():
        flat = np.where(np.isfinite(flat), flat, np.float32(np.nan))
    return Ragged(flat, offsets)


def _to_time_major(segments: Ragged, channels: int) -> Numbers:
    """Segments -> (sum of T, C)."""
    if channels == 1:
        return segments.values.reshape(-1, 1)
    steps = segments.values[_places_by_time(segments.lengths[::channels], channels)]
    return steps.reshape(-1, channels)


def _to_segments(steps: Numbers, lengths: Numbers, channels: int) -> Ragged:
    """(sum of T, C) -> segments: the inverse."""
    values = np.empty(steps.size, steps.dtype)
    values[_places_by_time(lengths, channels)] = steps.reshape(-1)
    return Ragged(values, from_lengths(np.repeat(lengths, channels)))


def _places_by_time(lengths: Numbers, channels: int) -> Numbers:
    """Position of value (t, c) of each row among the segments: start of the row + c·T + t."""
    offsets = from_lengths(lengths)
    times = places(offsets[:-1] * channels, lengths)  # (sum of T,), of channel 0
    by_time: Numbers = times[:, None] + np.arange(channels) * np.repeat(lengths, lengths)[:, None]
    return by_time.reshape(-1)


def _differences(segments: Ragged) -> Ragged:
    values = segments.values
    result = np.empty_like(values)
    result[1:] = values[1:] - values[:-1]
    starts = segments.offsets[:-1]
    result[starts] = values[starts] * 0  # 0, or NaN where the first value is missing
    return Ragged(result, segments.offsets)
