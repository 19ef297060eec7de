"""Rows to judge candidates by: the validation split, or folds of training and validation rows if there are few.

In: an `encoded` artefact. Out: `Fold`s, each an `encoded` artefact and the name of the split that is scored. Promise:
the test split is never read. The scored rows of a fold are used neither for the weights nor for early stopping; rows of
one class are spread evenly; equal sequences stay together. Encoders are those of the training split: they see words
and scales, never labels.

Why SMALL: with 2,000 training rows the default validation split has about 290 rows, on which an accuracy of 0.85 has a
standard error of 0.021: more than the difference of good candidates. Folds score all 2,290 rows, with 0.007.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from seqcls.arrays import Integers
from seqcls.config.pipeline import Pipeline
from seqcls.data.encoded_split import ENCODER_FILE
from seqcls.data.folds import assign_folds, same_sequences
from seqcls.errors import CheckBroken
from seqcls.search.encodings import Encodings, same_rows
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.packing import unpacked
from seqcls.store.parquet import read_parquet, shards, write_parquet
from seqcls.table import Split

SMALL = 2_000
"""Number of training rows below which folds are used."""
FOLDS, FEW_FOLDS, FEW_FOLDS_FROM = 5, 3, 1_000
TWICE_BELOW = 200
"""Number of rows below which everything is repeated with other folds, if there is time."""
COLUMNS = ["id", "label", "sequence"]


@dataclass(frozen=True)
class Fold:
    """Training and stopping rows of `encoded`, and the split that is scored."""

    encoded: Encodings
    scored: Split
    rows: Integers
    """Positions of the scored rows among all training and validation rows, training rows first."""
    repeat: int = 0
    """Folds of one repeat score every row once."""


@dataclass(frozen=True)
class Judging:
    """How candidates are judged, and why."""

    folds: tuple[Fold, ...]
    labels: Integers
    """Labels of all training and validation rows, training rows first."""
    why: str
    rows: int
    """Number of training rows of the chosen model."""

    @property
    def crossed(self) -> bool:
        return len(self.folds) > 1


def judge_by_validation(encoded: Encodings, why: str) -> Judging:
    """One fold: train on the training split, score the validation split."""
    train, valid = (_labels(encoded.own, split) for split in ("train", "valid"))
    labels = np.concatenate([train, valid])
    fold = Fold(encoded, "valid", np.arange(len(train), len(labels)))
    return Judging((fold,), labels, f"one validation split of {len(valid)} rows ({why})", len(train))


def worth_folding(encoded: Ref, pipeline: Pipeline) -> tuple[bool, str]:
    """Whether folds are used, and why or why not."""
    rows = len(_labels(encoded, "train"))
    if pipeline.apart:
        return False, f"{pipeline.apart}, and folds would mix them"
    if rows >= SMALL:
        return False, f"{rows:,} training rows, folds are for fewer than {SMALL:,}"
    return True, f"{rows:,} training rows, fewer than {SMALL:,}"


@dataclass(frozen=True)
class Cut:
    """The number of folds, and of repeats."""

    parts: int
    repeats: int

    @property
    def folds(self) -> int:
        return self.parts * self.repeats


def possible_cuts(encoded: Ref) -> list[Cut]:
    """The most accurate scheme first; each later one takes less time."""
    rows = sum(len(_labels(encoded, split)) for split in ("train", "valid"))
    cuts = [Cut(FOLDS, 2)] if rows < TWICE_BELOW else []
    cuts += [Cut(FOLDS, 1)] if rows < FEW_FOLDS_FROM else []
    return [*cuts, Cut(FEW_FOLDS, 1)]


def make_folds(encoded: Encodings, store: ArtefactStore, seed: int, cut: Cut, why: str) -> Judging:
    """Cut training and validation rows into folds, each written as an `encoded` artefact into `store`."""
    tables = _read_tables(encoded)
    table, train_rows = tables[""], len(_labels(encoded.own, "train"))
    labels = table["label"].to_numpy().astype(np.int64)
    sequences = unpacked(table["sequence"]).combine_chunks()
    groups = same_sequences(sequences.values.to_numpy(zero_copy_only=False), sequences.offsets.to_numpy())
    stopping = max(
        round(len(labels) / max(len(labels) - train_rows, 1)), 4
    )  # one in this number of rows is used for early stopping
    folds = []
    for repeat in range(cut.repeats):
        part = assign_folds(labels, groups, cut.parts, seed + repeat)
        for number in range(cut.parts):
            scored = np.flatnonzero(part == number)
            rest = np.flatnonzero(part != number)
            stops = assign_folds(labels[rest], groups[rest], min(stopping, 10), seed + repeat) == 0
            rows = {"train": rest[~stops], "valid": rest[stops], "test": scored}
            refs = {key: _write_fold(ref, tables[key], rows, store) for key, ref in encoded}
            folds.append(Fold(Encodings(refs.pop(""), refs), "test", scored, repeat))
    times = " twice" if cut.repeats == 2 else ""
    return Judging(tuple(folds), labels, f"{cut.parts}-fold cross-validation{times} ({why})", train_rows)


def _read_tables(encoded: Encodings) -> dict[str, pa.Table]:
    """Training and validation rows of each encoding, by its key; the same rows in the same order."""
    tables = {}
    for key, ref in encoded:
        parts = [read_parquet(shards(ref.folder / split), COLUMNS) for split in ("train", "valid")]
        tables[key] = pa.concat_tables(parts).combine_chunks()
        if not all(same_rows(ref, encoded.own, split) for split in ("train", "valid")):
            raise CheckBroken(f"{ref.path} holds other rows than {encoded.own.path}")
    return tables


def _write_fold(encoded: Ref, table: pa.Table, rows: dict[str, Integers], store: ArtefactStore) -> Ref:
    with store.write("encoded") as draft:
        for split, chosen in rows.items():
            (draft.folder / split).mkdir()
            write_parquet(draft.folder / split / "part-00000.parquet", table.take(pa.array(np.sort(chosen))))
        shutil.copyfile(encoded.folder / ENCODER_FILE, draft.folder / ENCODER_FILE)
        draft.inputs["encoded"] = encoded.digest
    return draft.ref


def _labels(encoded: Ref, split: Split) -> Integers:
    labels: Integers = read_parquet(shards(encoded.folder / split), ["label"])["label"].to_numpy().astype(np.int64)
    return labels
