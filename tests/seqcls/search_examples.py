"""A small search, for tests and for the child processes that they kill.

usage: python -m tests.seqcls.search_examples STORE
Two classes of tokens, told apart by which of two tokens comes first: a recurrent network can learn that, a bag of
tokens cannot. Prints the digest of the model that was chosen.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seqcls.config.loading import parse_pipeline
from seqcls.config.pipeline import Pipeline
from seqcls.search.search import train_best
from seqcls.store.artefacts import ArtefactStore, Ref
from tests.seqcls.encoded_examples import SPECS, encoded_table, write_encoded

SPEC = SPECS["tokens"]
TRAIN = {"epochs": 6, "learning_rate": 0.02, "batch_size": 30, "patience": 6, "threads": 1}
LONG = {"budget": "40m"}  # never what ends a test, however busy the machine


def order_table(rows: int, seed: int) -> pa.Table:
    """8 before 7 is class 1, 7 before 8 class 0; the other tokens say nothing."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    sequences = []
    for label in labels:
        sequence = random.integers(1, 7, random.integers(4, 10))
        first, second = sorted(random.choice(len(sequence), 2, replace=False))
        sequence[[first, second]] = (8, 7) if label else (7, 8)
        sequences.append(sequence.tolist())
    return encoded_table(sequences, labels.tolist(), SPEC)


def make_encoded(store: Path, *, test: bool = True) -> Ref:
    splits = {"train": order_table(165, 0), "valid": order_table(40, 1)}
    return write_encoded(store, SPEC, {**splits, "test": order_table(400, 2)} if test else splits, ["no", "yes"])


def make_pipeline(
    candidates: list[str], train: dict[str, Any] | None = None, model: dict[str, Any] | None = None, **more: Any
) -> Pipeline:
    return parse_pipeline(
        {
            "name": "example",
            "kind": "tokens",
            "source": {"format": "csv", "files": ["rows.csv"]},
            "model": model or {"family": "auto", "candidates": candidates},
            "train": {**TRAIN, **(train or {})},
            **more,
        },
        "example.toml",
    )


def as_it_is(_pipeline: Pipeline) -> Ref:
    """For searches whose candidates all take the rows as they are encoded."""
    raise AssertionError("no candidate asks for other rows")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    encoded, pipeline = make_encoded(folder, test=False), make_pipeline(["gru", "bag"], LONG)
    result = train_best(encoded, pipeline, ArtefactStore(folder), as_it_is)
    print(result.ref.digest)
