"""A small training, for tests and for the child processes that they kill.

usage: python -m tests.seqcls.training_examples STORE SETTINGS
SETTINGS is JSON: {"model": {...}, "train": {...}}. Prints the digest of the model and the rows trained.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from seqcls.config.loading import parse_pipeline
from seqcls.config.pipeline import Pipeline
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training.train import TrainResult, train
from tests.seqcls.encoded_examples import SPECS, random_table, write_encoded

LABELS = ["a", "b", "c"]
FAMILIES: dict[str, dict[str, Any]] = {
    "cnn": {"family": "cnn", "filters": [8, 8], "normalise": "batch", "dropout": 0.3, "embedding": 8},
    "lstm": {"family": "lstm", "width": 8, "depth": 2, "bidirectional": True, "dropout": 0.3, "embedding": 8},
    "hybrid": {
        "family": "hybrid",
        "filters": [8],
        "width": 8,
        "dropout": 0.3,
        "embedding": 8,
        "embedding_dropout": 0.1,
    },
}


def make_encoded(store: Path, form: str = "tokens", valid_rows: int = 40) -> Ref:
    spec = SPECS[form]
    splits = {
        "train": random_table(spec, 160, 3, seed=0),
        "valid": random_table(spec, valid_rows, 3, seed=1),
        "test": random_table(spec, 40, 3, seed=2),
    }
    return write_encoded(store, spec, splits, LABELS)


def make_pipeline(model: dict[str, Any], train: dict[str, Any], seed: int = 0) -> Pipeline:
    return parse_pipeline(
        {
            "name": "example",
            "kind": "tokens",
            "seed": seed,
            "source": {"format": "csv", "files": ["rows.csv"]},
            "model": model,
            "train": {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "threads": 1, **train},
        },
        "example.toml",
    )


def train_example(
    store: Path, model: dict[str, Any], train_settings: dict[str, Any] | None = None, seed: int = 0
) -> TrainResult:
    return train(make_encoded(store), make_pipeline(model, train_settings or {}, seed), ArtefactStore(store))


if __name__ == "__main__":
    settings = json.loads(sys.argv[2])
    result = train_example(Path(sys.argv[1]), settings["model"], settings["train"])
    print(result.ref.digest, result.rows)
