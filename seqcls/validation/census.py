"""First pass over a table: the classes, and which ids and sequences occur more than once.

In: the shards of a table. Out: `Census`, about a dozen bytes per row. Promise: constant memory otherwise; repeats found
by fingerprint are verified on the rows themselves in the second pass (`Census.verify`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.store import parquet
from seqcls.store.background import prefetch
from seqcls.store.fingerprints import canonical_bytes, fingerprint_bytes
from seqcls.table import Kind, one_array
from seqcls.validation.profile import Column, Profile
from seqcls.validation.repeats import Repeats, Verifier, find_repeats, label_counts, later_pairs, later_rows


@dataclass(frozen=True)
class Census:
    """Facts about rows that need the whole table."""

    kind: Kind
    classes: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    """Index into `classes` of each row, -1 where the label is missing."""
    channels: int
    """Channels of the first series."""
    flags: dict[str, npt.NDArray[np.generic]]
    """Narrow columns of the profile: repeated_id, sequence_classes, repeated_row."""
    ids: Verifier | None
    sequences: Verifier | None

    def profile(self, start: int, rows: int) -> Profile:
        """The census columns of the profile for rows start, start + 1, ..."""
        part = slice(start, start + rows)
        labels = self.labels[part]
        columns: dict[str, Column] = {name: values[part].astype(np.int64) for name, values in self.flags.items()}
        return {**columns, "label": np.where(labels >= 0, labels, np.nan)}

    def verify(self, start: int, batch: pa.Table) -> None:
        """Compare the repeats of a batch by their actual values; `Collision` means that another seed is needed."""
        if self.ids:
            self.ids.check(start, one_array(batch["id"]))
        if self.sequences:
            self.sequences.check(start, canonical_bytes(batch["sequence"], self.kind))


def take_census(parts: list[Path], rows: int, kind: Kind, wanted: frozenset[str], seed: str, batch_rows: int) -> Census:
    """Read the columns of the table, one after the other; `wanted` are the columns of the profile that rules use."""
    labels, classes = _read_labels(parts, rows)
    flags: dict[str, npt.NDArray[np.generic]] = {}
    ids = sequences = None
    if "repeated_id" in wanted:
        ids = _repeated_ids(parts, rows, seed)
        flags["repeated_id"] = later_rows(ids, rows)
    if wanted & {"sequence_classes", "repeated_row"}:
        sequences = _repeated_sequences(parts, rows, kind, seed, batch_rows)
    if sequences and "sequence_classes" in wanted:
        flags["sequence_classes"] = label_counts(sequences, labels, rows)
    if sequences and "repeated_row" in wanted:
        flags["repeated_row"] = later_pairs(sequences, labels, rows)
    channels = _first_channels(parts, batch_rows) if kind == "series" else 0
    return Census(kind, classes, labels, channels, flags, _verifier(ids), _verifier(sequences))


def _read_labels(parts: list[Path], rows: int) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    labels, codes, start = np.full(rows, -1, np.int32), dict[str, int](), 0
    for batch in parquet.iterate(parts, ["label"]):
        labels[start : start + batch.num_rows] = _label_codes(batch["label"], codes)
        start += batch.num_rows
    return _in_sorted_order(labels, codes)


def _repeated_ids(parts: list[Path], rows: int, seed: str) -> Repeats:
    hashes, start = np.zeros(rows, np.uint64), 0
    for batch in parquet.iterate(parts, ["id"]):
        hashes[start : start + batch.num_rows] = fingerprint_bytes(one_array(batch["id"]), seed)
        start += batch.num_rows
    return find_repeats(hashes, np.ones(rows, bool))


def _repeated_sequences(parts: list[Path], rows: int, kind: Kind, seed: str, batch_rows: int) -> Repeats:
    """Missing and empty sequences do not count as repeats: the rule `empty` covers them."""
    hashes, filled, start = np.zeros(rows, np.uint64), np.zeros(rows, bool), 0
    for batch in prefetch(parquet.iterate(parts, ["sequence"], batch_rows)):
        values = canonical_bytes(batch["sequence"], kind)
        hashes[start : start + batch.num_rows] = fingerprint_bytes(values, seed)
        filled[start : start + batch.num_rows] = (
            pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False) > 0
        )
        start += batch.num_rows
    return find_repeats(hashes, filled)


def _verifier(repeats: Repeats | None) -> Verifier | None:
    return Verifier(repeats) if repeats else None


def _label_codes(labels: pa.ChunkedArray, codes: dict[str, int]) -> npt.NDArray[np.int32]:
    """Codes in the order of appearance; new classes are added to `codes`."""
    encoded = one_array(labels).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    table = np.array([codes.setdefault(name, len(codes)) for name in names] + [-1], np.int32)
    found: npt.NDArray[np.int32] = table[encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)]
    return found


def _in_sorted_order(
    labels: npt.NDArray[np.int32], codes: dict[str, int]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    classes = tuple(sorted(codes))
    table = np.full(len(codes) + 1, -1, np.int32)
    table[[codes[name] for name in classes]] = np.arange(len(classes))
    return table[labels], classes


def _first_channels(parts: list[Path], batch_rows: int) -> int:
    for batch in parquet.iterate(parts, ["sequence"], batch_rows):
        lengths = pc.drop_null(pc.list_value_length(batch["sequence"])).to_numpy()
        if (lengths > 0).any():
            return int(lengths[lengths > 0][0])
    return 0
