"""Settings compared on validation alone: the test split stays closed.

`python -m benchmarks.tune ecg5000 --set 'train.balance="weights"' --seeds 0 1 [--splits 0 1 2]` trains the config with
the settings changed, once for each seed, and prints mean and spread of the validation figures. --splits draws the
validation rows anew (for sets with a given test file only: elsewhere that would move test rows into training).
"""

from __future__ import annotations

import argparse
import itertools
import tomllib

import numpy as np

from benchmarks.runs import CONFIGS, FIGURES, Changes, validation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="name of a file in configs/real")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="VALUE as in TOML")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--splits", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    path = CONFIGS / f"{options.config}.toml"
    if options.splits != [0] and not tomllib.loads(path.read_text("utf-8"))["source"].get("test"):
        parser.error("--splits needs a given test split: elsewhere test rows would move into training")
    changes = {"train.threads": options.threads} | dict(map(read_change, options.set))
    runs = []
    for seed, split in itertools.product(options.seeds, options.splits):
        runs.append(validation(path, {**changes, "seed": seed, "split.seed": split}))
    print(describe(options.config, options.set, runs), flush=True)


def read_change(text: str) -> tuple[str, Changes]:
    """model.width=128 -> ("model.width", 128)."""
    name, _, value = text.partition("=")
    return name, tomllib.loads(f"value = {value}")["value"]


def describe(config: str, changes: list[str], runs: list[dict[str, float]]) -> str:
    """One line: figures as mean ± deviation over the runs."""
    parts = [f"{name} {np.mean(values):.4f} ± {np.std(values):.4f}" for name, values in _columns(runs, FIGURES)]
    parts += [f"{name} {np.mean(values):.3g}" for name, values in _columns(runs, ("valid_loss", "train_loss"))]
    parts += [f"{name} {np.mean(values):.0f}" for name, values in _columns(runs, ("best_epoch", "epochs", "seconds"))]
    return f"{config} [{' '.join(changes)}] n={len(runs)}: " + ", ".join(parts)


def _columns(runs: list[dict[str, float]], names: tuple[str, ...]) -> list[tuple[str, list[float]]]:
    return [(name, [run[name] for run in runs]) for name in names]


if __name__ == "__main__":
    main()
