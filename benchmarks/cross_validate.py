"""Settings compared on folds of the training rows, each fold predicted by a model that never saw it.

`python -m benchmarks.cross_validate ecg5000 [--folds 3] [--repeats 1] [--set train.monitor="loss"]`: for sets whose
training file has one row a line (UCR, fastText, lines). The folds, stratified, stand in for the test file, so that the
validation rows that stop a training do not judge it too, as they do in `benchmarks.tune`. The test file is not read.
Prints accuracy, balanced accuracy and macro-F1 over the pooled predictions of all folds, for each repeat.
"""

from __future__ import annotations

import argparse
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold

from benchmarks.runs import CONFIGS, Changes, open_variant
from benchmarks.tune import read_change
from seqcls.road import train_pipeline

Strings = npt.NDArray[np.str_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="name of a file in configs/real")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1, help="other folds, and another seed, each time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="VALUE as in TOML")
    options = parser.parse_args()
    path = CONFIGS / f"{options.config}.toml"
    changes = {"train.threads": 1, "rules.min_class_rows": 1} | dict(map(read_change, options.set))
    figures = []
    for seed in range(options.repeats):
        truth, guess = predict_folds(path, changes, options.folds, seed)
        figures.append(
            [
                accuracy_score(truth, guess),
                balanced_accuracy_score(truth, guess),
                f1_score(truth, guess, average="macro"),
            ]
        )
    mean, spread = np.mean(figures, axis=0), np.std(figures, axis=0)
    names = ("accuracy", "balanced accuracy", "macro-F1")
    text = ", ".join(f"{name} {m:.4f} ± {s:.4f}" for name, m, s in zip(names, mean, spread, strict=True))
    print(f"{options.config} [{' '.join(options.set)}] {options.repeats} x {options.folds} folds: {text}", flush=True)


def predict_folds(path: Path, changes: Changes, folds: int, seed: int) -> tuple[Strings, Strings]:
    """Every training row's class and what the model of the other folds said."""
    source = tomllib.loads(path.read_text("utf-8"))["source"]
    lines = [line for name in source["train"] for line in (path.parent / name).read_bytes().splitlines(keepends=True)]
    labels = [line.replace(b",", b" ").split()[0].decode() for line in lines]
    truth: list[str] = []
    guess: list[str] = []
    for rest, fold in StratifiedKFold(folds, shuffle=True, random_state=seed).split(lines, labels):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "rest").write_bytes(b"".join(lines[row] for row in rest))
            (folder / "fold").write_bytes(b"".join(lines[row] for row in fold))
            files = {"source.train": [str(folder / "rest")], "source.test": [str(folder / "fold")]}
            with open_variant(path, {**changes, **files, "seed": seed}, folder) as workspace:
                report = Path(train_pipeline(workspace).report)
                predictions = pq.read_table(report.parent / "predictions.parquet")
        truth += predictions["label"].to_pylist()
        guess += predictions["predicted"].to_pylist()
    return np.array(truth), np.array(guess)


if __name__ == "__main__":
    main()
