"""The rows behind the figures, as the baselines take them: unencoded, the same ones in the same order as the network's.

In: an artefact `checked` and which of its rows are wanted. Out: `Rows`. Promise: rows that are not those of the encoded
split stop the run; of the training rows only the linear baseline's sample is read into memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.arrays import Integers
from seqcls.errors import CheckBroken
from seqcls.evaluation import baselines
from seqcls.store.artefacts import Ref
from seqcls.store.parquet import iterate, shards
from seqcls.table import Split


@dataclass(frozen=True)
class Rows:
    """Rows of one split as the baselines take them."""

    ids: pa.ChunkedArray
    sequences: pa.ChunkedArray
    labels: Integers


def read_rows(checked: Ref, wanted: npt.NDArray[np.bool_], names: list[str]) -> Rows:
    """Rows of `checked` where `wanted` holds, a batch at a time; labels as indices into `names`."""
    parts, start = [], 0
    for table in iterate(shards(checked.folder / "rows"), ["id", "sequence", "label"]):
        mask = wanted[start : start + table.num_rows]
        start += table.num_rows
        if mask.any():
            parts.append(table.filter(pa.array(mask)))
    if start != len(wanted):
        raise CheckBroken(f"{start} rows", where=checked.path, expected=f"{len(wanted)}, as in splits.parquet",
                          next_step="run the split stage again, and report this")  # fmt: skip
    schema = pa.schema([("id", pa.string()), ("sequence", pa.string()), ("label", pa.string())])
    table = pa.concat_tables(parts) if parts else schema.empty_table()
    labels = pc.fill_null(pc.index_in(table["label"], pa.array(names, pa.string())), -1)
    return Rows(table["id"], table["sequence"], np.asarray(labels, dtype=np.int64))


def check_same_rows(raw: Rows, ids: pa.ChunkedArray, labels: Integers, split: Split) -> None:
    """The baselines and the network must answer for the same rows, in the same order, with the same classes."""
    same_length = len(raw.labels) == len(labels)
    if not same_length or not raw.ids.equals(ids) or not np.array_equal(raw.labels, labels):
        raise CheckBroken(
            f"{len(raw.labels)} raw and {len(labels)} encoded {split} rows, not the same rows or classes",
            where=f"{split} split",
            expected="the rows of `checked` and of `encoded` in one order",
            next_step="run the encode stage again, and report this",
        )


def sample_training(checked: Ref, membership: pa.ChunkedArray, labels: Integers, names: list[str], seed: int) -> Rows:
    """The training rows that the linear baseline is fitted on; only these are read into memory."""
    is_train = is_split(membership, "train")
    if is_train.sum() != len(labels):
        raise CheckBroken(
            f"{len(labels)} encoded training rows",
            where=checked.path,
            expected=f"{is_train.sum()}, as in splits.parquet",
            next_step="run the encode stage again, and report this",
        )
    chosen = baselines.sample_rows(np.ones(len(labels), dtype=np.int64), seed)
    wanted = np.zeros(len(is_train), dtype=bool)
    wanted[np.flatnonzero(is_train)[chosen]] = True
    rows = read_rows(checked, wanted, names)
    if not np.array_equal(rows.labels, labels[chosen]):
        raise CheckBroken("raw and encoded training rows of different classes", where=checked.path,
                          expected="the rows of `checked` and of `encoded` in one order",
                          next_step="run the encode stage again, and report this")  # fmt: skip
    kept = baselines.sample_rows(baselines.sequence_sizes(rows.sequences), seed)
    return Rows(rows.ids.take(pa.array(kept)), rows.sequences.take(pa.array(kept)), rows.labels[kept])


def is_split(membership: pa.ChunkedArray, split: Split) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.equal(membership, split), False), dtype=bool)
