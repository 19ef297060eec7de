"""checked -> the facts about rows that splitting needs, about twenty bytes each.

In: the shards of a `checked` artefact. Out: `RowFacts`. Promise: as many rows as were counted, and none of their text.
Sequences are compared by 64-bit fingerprints: if two different ones collide (once in 10^7 tables of a million rows),
they get the same split.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.config.train import SplitConfig
from seqcls.errors import CheckBroken, DataRefused
from seqcls.splitting.components import Numbers
from seqcls.store import parquet
from seqcls.store.artefacts import Ref
from seqcls.store.fingerprints import (
    Hashes,
    fingerprint_bytes,
    fingerprint_sequences,
    normalise_text,
)
from seqcls.table import SPLITS, Kind, one_array

BYTES_PER_BATCH = 4 * 1024 * 1024
COLUMNS = ("sequence", "label", "group", "split", "time", "source_file", "source_row")
TRAIN, VALID, TEST, NOT_GIVEN = 0, 1, 2, -2
Splits = npt.NDArray[np.int8]


@dataclass
class RowFacts:
    """N rows; a column that is not needed is None."""

    hashes: Hashes
    labels: Numbers
    """Index into `classes`, -1 for none."""
    given: Splits
    """Index into SPLITS of the split given by the source, or NOT_GIVEN."""
    normalised: Hashes | None
    groups: Hashes | None
    grouped: npt.NDArray[np.bool_] | None
    times: npt.NDArray[np.int64] | None
    classes: tuple[str, ...] = ()

    def select(self, mask: npt.NDArray[np.bool_]) -> RowFacts:
        """The rows of a mask, without a copy if it selects all."""
        if mask.all():
            return self
        return replace(
            self,
            hashes=self.hashes[mask],
            labels=self.labels[mask],
            given=self.given[mask],
            normalised=None if self.normalised is None else self.normalised[mask],
            groups=None if self.groups is None else self.groups[mask],
            grouped=None if self.grouped is None else self.grouped[mask],
            times=None if self.times is None else self.times[mask],
        )


def read_rows(checked: Ref, kind: Kind, config: SplitConfig, expected: int) -> RowFacts:
    """Read the rows of a `checked` artefact, batch by batch."""
    parts = parquet.shards(checked.folder / "rows")
    total = parquet.count_rows(parts)
    if total != expected:
        raise CheckBroken(f"{total} rows, but {expected} were counted", where=checked.path, expected="equal numbers")
    rows = RowFacts(
        hashes=np.zeros(total, np.uint64),
        labels=np.full(total, -1, np.int32),
        given=np.full(total, NOT_GIVEN, np.int8),
        normalised=np.zeros(total, np.uint64) if kind == "text" else None,
        groups=None,
        grouped=None,
        times=np.zeros(total, np.int64) if config.method == "time" else None,
    )
    start, classes = 0, dict[str, int]()
    for batch in parquet.iterate(parts, list(COLUMNS), parquet.rows_of(parts, BYTES_PER_BATCH)):
        _note(rows, slice(start, start + batch.num_rows), batch, kind, f"split {config.seed}", classes)
        start += batch.num_rows
    rows.classes = tuple(classes)
    return rows


def _note(rows: RowFacts, part: slice, batch: pa.Table, kind: Kind, seed: str, classes: dict[str, int]) -> None:
    """Write a batch's columns into the rows of `part`; new classes are added to `classes`."""
    rows.hashes[part] = fingerprint_sequences(batch["sequence"], kind, seed)
    rows.labels[part] = _codes_of(batch["label"], classes, -1)
    rows.given[part] = _codes_of(batch["split"], {name: code for code, name in enumerate(SPLITS)}, NOT_GIVEN)
    if rows.normalised is not None:
        rows.normalised[part] = fingerprint_bytes(normalise_text(batch["sequence"]), seed)
    if rows.times is not None:
        rows.times[part] = _times(batch)
    group = one_array(batch["group"])
    if group.null_count == len(group):
        return
    if rows.groups is None or rows.grouped is None:
        rows.groups, rows.grouped = np.zeros(len(rows.hashes), np.uint64), np.zeros(len(rows.hashes), bool)
    rows.groups[part] = fingerprint_bytes(group, f"{seed} group")
    rows.grouped[part] = group.is_valid().to_numpy(zero_copy_only=False)


def _codes_of(names: pa.ChunkedArray, codes: dict[str, int], missing: int) -> Numbers:
    encoded = one_array(names).dictionary_encode()
    table = np.array(
        [codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()] + [missing], np.int32
    )
    found: Numbers = table[encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)]
    return found


def _times(batch: pa.Table) -> npt.NDArray[np.int64]:
    time = one_array(batch["time"])
    if time.null_count:
        row = time.is_null().index(pa.scalar(True)).as_py()
        raise DataRefused(
            f"{time.null_count} rows have no time",
            where=f"{batch['source_file'][row]}:{batch['source_row'][row]}:time",
            expected='a time in every row for split.method = "time"',
            next_step="fix the rows, or choose another method",
        )
    times: npt.NDArray[np.int64] = time.cast(pa.int64()).to_numpy()
    return times
