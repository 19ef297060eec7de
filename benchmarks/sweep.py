"""What is run: every config of configs/real as it stands, and all five families on one data set of each kind.

The networks of the sweep are small and the same for all kinds but for the width of the filters: they show that every
family runs on every kind, not the best that a family can reach. Tuned networks are those of the configs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.runs import CONFIGS, Changes

SWEEP = {
    "text": "trec",
    "series": "japanese-vowels",
    "dna": "splice",
    "protein": "amp-scanner",
    "tokens": "trec-tokens",
}
"""Kind -> config whose [model] is replaced."""
KERNELS = {"text": 3, "series": 5, "dna": 9, "protein": 5, "tokens": 3}
COMMON: dict[str, Any] = {"embedding": 32, "pooling": "max", "dropout": 0.3}
RECURRENT: dict[str, Any] = {**COMMON, "width": 48, "bidirectional": True}
TRAIN = {
    "train.epochs": 15,
    "train.batch_size": 32,
    "train.learning_rate": 0.003,
    "train.patience": 5,
    "train.balance": None,
    "train.weight_decay": None,
    "train.label_smoothing": None,
    "train.monitor": None,
}


@dataclass(frozen=True)
class Experiment:
    """One line of the table, once for each seed."""

    name: str
    config: Path
    kind: str
    changes: Changes = field(default_factory=dict)


def tuned() -> list[Experiment]:
    """The configs as they are."""
    from seqcls.config import load_pipeline

    return [Experiment(path.stem, path, load_pipeline(path).pipeline.kind) for path in sorted(CONFIGS.glob("*.toml"))]


def swept() -> list[Experiment]:
    """Five families on five kinds."""
    experiments = []
    for kind, stem in SWEEP.items():
        for family, network in networks(KERNELS[kind]).items():
            name = f"sweep-{kind}-{family}"
            experiments.append(Experiment(name, CONFIGS / f"{stem}.toml", kind, {**TRAIN, "model": network}))
    return experiments


def networks(kernel: int) -> dict[str, dict[str, Any]]:
    """Family -> [model]."""
    filters = {"filters": [64], "kernel": kernel, "pool": 2, "normalise": "batch"}
    recurrent = {family: {**RECURRENT, "family": family} for family in ("rnn", "lstm", "gru")}
    return {
        "cnn": {**COMMON, "family": "cnn", **filters},
        **recurrent,
        "hybrid": {**RECURRENT, "family": "hybrid", "cell": "gru", **filters},
    }
