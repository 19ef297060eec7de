"""A small pipeline on disk that trains in a second: two classes of tokens, told apart by the order of two words."""

from __future__ import annotations

import csv
import random
from pathlib import Path

WORDS = [f"w{number}" for number in range(12)]


def sentence(rng: random.Random, label: str) -> str:
    """`first` before `second` is class yes, the other way round is class no."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(4, 9))]
    places = sorted(rng.sample(range(len(words)), 2))
    pair = ("first", "second") if label == "yes" else ("second", "first")
    for place, word in zip(places, pair, strict=True):
        words[place] = word
    return " ".join(words)


def write_rows(path: Path, rows: int, seed: int, *, labelled: bool, extra: list[list[str]] | None = None) -> None:
    """CSV with id, sequence and maybe label; `extra` rows are written as they are."""
    rng = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "sequence", "label"] if labelled else ["id", "sequence"])
        for number in range(rows):
            label = rng.choice(["yes", "no"])
            row = [f"{path.stem}-{number}", sentence(rng, label)]
            writer.writerow([*row, label] if labelled else row)
        writer.writerows(extra or [])


def write_project(folder: Path, *, rows: int = 240, family: str = "gru", more: str = "") -> Path:
    """Training file, incoming folder and pipeline file; returns the pipeline file."""
    write_rows(
        folder / "data" / "train.csv", rows, seed=0, labelled=True, extra=[["bad-1", "", "yes"], ["bad-2", "w1 w2", ""]]
    )
    (folder / "incoming").mkdir(exist_ok=True)
    config = folder / "pairs.toml"
    config.write_text(
        f"""
name = "pairs"
kind = "tokens"
[source]
format = "csv"
files = ["data/*.csv"]
id = "id"
[model]
family = "{family}"
embedding = 16
[train]
epochs = 8
learning_rate = 0.02
threads = 1
[rules]
reject_budget = 0.1
[score]
files = ["incoming/*.csv"]
chunk_rows = 40
{more}
"""
    )
    return config
