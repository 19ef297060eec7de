"""The rows of an encoded split in memory: one flat array, and the start of each row.

In: an `encoded` artefact, or encoded rows directly from Arrow (scoring). Out: `EncodedSplit`, which gives chosen rows
as a `Batch`. Promise: no row is longer and no index larger than the encoder allows; no copy if the rows are one Arrow
chunk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from pydantic import ValidationError

from seqcls.arrays import Integers
from seqcls.data.batch import Batch
from seqcls.encoders.ragged import places
from seqcls.encoders.spec import InputSpec
from seqcls.errors import Corrupted, DataRefused
from seqcls.store.artefacts import Ref
from seqcls.store.packing import unpacked
from seqcls.store.parquet import read_parquet, shards
from seqcls.table import Split

NO_LABEL = -1
ENCODER_FILE = "encoder.json"


def read_inputs(folder: Path) -> tuple[InputSpec, tuple[str, ...]]:
    """`inputs` and `labels` (sorted) from the encoder.json in a folder."""
    path = folder / ENCODER_FILE
    try:
        data = json.loads(path.read_bytes())
        return InputSpec.model_validate(data["inputs"]), tuple(str(label) for label in data["labels"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
        raise Corrupted(
            f"not readable ({type(error).__name__}: {str(error).splitlines()[0]})",
            where=str(path),
            expected="the encoder as the encode stage wrote it, with `labels` and `inputs`",
            next_step="run the encode stage again",
        ) from error


@dataclass(frozen=True)
class EncodedSplit:
    """All rows of a split, one after another in one array: row i is `values[starts[i] : starts[i] + lengths[i]]`."""

    values: npt.NDArray[Any]
    """(positions,) indices, or (positions, C) floats with NaN for missing."""
    starts: Integers
    lengths: Integers
    labels: Integers
    ids: pa.ChunkedArray

    def __len__(self) -> int:
        return len(self.lengths)

    @staticmethod
    def open(encoded: Ref, split: Split) -> EncodedSplit:
        """Read one split of an `encoded` artefact."""
        table = read_parquet(shards(encoded.folder / split), columns=["id", "label", "sequence"])
        return EncodedSplit.from_arrow(table, read_inputs(encoded.folder)[0], where=str(encoded.folder / split))

    @staticmethod
    def from_arrow(table: pa.Table, spec: InputSpec, where: str = "") -> EncodedSplit:
        """Encoded rows -> flat arrays, without a copy if the rows are one Arrow chunk."""
        values, offsets = _flatten(unpacked(table["sequence"]), where)
        if spec.form == "values":
            if (offsets % spec.channels).any():
                raise DataRefused(
                    f"a sequence whose length is not a multiple of {spec.channels} values",
                    where=where,
                    expected=f"{spec.channels} channels at each position",
                    next_step="encode the rows again",
                )
            values, offsets = values.reshape(-1, spec.channels), offsets // spec.channels
        split = EncodedSplit(values, offsets[:-1], np.diff(offsets), _labels(table), table["id"])
        split._check(spec, where)
        return split

    def take(self, rows: Integers) -> EncodedSplit:
        """Chosen rows in a chosen order; the values are not copied."""
        return EncodedSplit(self.values, self.starts[rows], self.lengths[rows], self.labels[rows], self.ids.take(rows))

    def copy_of(self, rows: Integers) -> EncodedSplit:
        """Chosen rows in a chosen order, with their values one after another."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        values = self.values[places(starts, lengths)]
        return EncodedSplit(values, np.cumsum(lengths) - lengths, lengths, self.labels[rows], self.ids.take(rows))

    def _check(self, spec: InputSpec, where: str) -> None:
        longest = int(self.lengths.max(initial=0))
        if longest > spec.max_length:
            row = int(self.lengths.argmax())
            raise DataRefused(
                f"row {self.ids[row].as_py()!r} has {longest} positions",
                where=where,
                expected=f"at most {spec.max_length}",
                next_step="encode the rows with the encoder of this model",
            )
        if spec.form == "tokens" and int(self.values.max(initial=0)) >= spec.vocabulary:
            raise DataRefused(
                f"index {int(self.values.max())} in a sequence",
                where=where,
                expected=f"indices below {spec.vocabulary}",
                next_step="encode the rows with the encoder of this model",
            )

    @cached_property
    def _even(self) -> npt.NDArray[Any] | None:
        """`values` as (N, T) or (N, T, C), where all rows have one length: then whole rows are copied."""
        length = int(self.lengths.max(initial=0))
        one_by_one = np.array_equal(self.starts, np.arange(len(self)) * length)
        if length == 0 or int(self.lengths.min()) < length or not one_by_one:
            return None
        return self.values[: len(self) * length].reshape(len(self), length, *self.values.shape[1:])

    def _gather(self, rows: Integers, padding: npt.NDArray[np.bool_], into: npt.NDArray[Any]) -> None:
        """Chosen rows into (B, T) or (B, T, C), zero at `padding` (B, T)."""
        if self._even is not None:
            into[...] = self._even[rows]
            return
        source = self.starts[rows][:, None] + np.arange(padding.shape[1])  # (B, T), indices into values
        np.minimum(source, max(len(self.values) - 1, 0), out=source)
        into[...] = self.values[source] if len(self.values) else 0
        into[padding] = 0

    def collate(self, rows: Integers, spec: InputSpec) -> Batch:
        """Chosen rows as one batch, padded to the longest of them."""
        lengths = self.lengths[rows]
        width = max(int(lengths.max(initial=0)), 1)
        padding = np.arange(width) >= lengths[:, None]  # (B, T)
        # Torch aligns to 64 bytes: with NumPy's 16 the last bit of a matrix product may differ between runs.
        kind = torch.int64 if spec.form == "tokens" else torch.float32
        sequence = torch.empty((len(rows), width, *self.values.shape[1:]), dtype=kind)
        view = sequence.numpy()
        self._gather(rows, padding, view)
        facts = torch.from_numpy(rows), torch.from_numpy(lengths), torch.from_numpy(self.labels[rows])
        if spec.form == "tokens":
            return Batch(facts[0], sequence, None, None, *facts[1:])
        missing = np.isnan(view)
        view[missing] = 0
        observed = torch.from_numpy(~(missing | padding[:, :, None])) if spec.missing else None
        return Batch(facts[0], None, sequence, observed, *facts[1:])


def _flatten(column: pa.ChunkedArray, where: str) -> tuple[npt.NDArray[Any], Integers]:
    """Arrow lists -> all values in one array, and int64 offsets (N + 1), for any number of chunks."""
    if column.null_count:
        raise DataRefused(
            f"{column.null_count} rows without a sequence", where=where, next_step="encode the rows again"
        )
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    empty = np.zeros(0, column.type.value_type.to_pandas_dtype())
    values, offsets, total = [empty], [np.zeros(1, np.int64)], 0
    for chunk in chunks:
        edges = chunk.offsets.to_numpy().astype(np.int64)
        values.append(chunk.values.slice(edges[0], edges[-1] - edges[0]).to_numpy(zero_copy_only=False))
        offsets.append(edges[1:] - edges[0] + total)
        total += int(edges[-1] - edges[0])
    return values[1] if len(chunks) == 1 else np.concatenate(values), np.concatenate(offsets)


def _labels(table: pa.Table) -> Integers:
    if "label" not in table.column_names:
        return np.full(table.num_rows, NO_LABEL, np.int64)
    labels: Integers = table["label"].fill_null(NO_LABEL).to_numpy().astype(np.int64)
    return labels
