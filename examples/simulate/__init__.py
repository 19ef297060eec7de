"""Simulated data for the three worked examples: reviews, electrocardiograms, DNA. See simulated-data.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

from examples.simulate import dna, ecg, reviews
from examples.simulate.night import write_night

__all__ = ["DEMO_ROWS", "write_demo", "write_night", "write_training"]

# Rows at which the networks of configs/ learn their task in about a minute each on two processors. With 6,000 reviews
# the LSTM may stop at counting words, since reading their order pays only after a plateau (simulated-data.md).
DEMO_ROWS: Final[Mapping[str, int]] = {"reviews": 10_000, "ecg": 6_000, "dna": 6_000}
DEMO_NIGHT_ROWS: Final = 1000
DEMO_NIGHT: Final = date(2026, 11, 22)
_WRITERS: Final[Mapping[str, Callable[[Path, int, int], list[Path]]]] = {
    "reviews": reviews.write,
    "ecg": ecg.write,
    "dna": dna.write,
}


def write_training(folder: Path, rows: Mapping[str, int], seed: int) -> list[Path]:
    """Training files of the examples that `rows` names, each in its own folder."""
    return [path for name, count in rows.items() for path in _WRITERS[name](folder / name, count, seed)]


def write_demo(folder: Path, seed: int = 0) -> dict[str, dict[str, int]]:
    """What configs/reviews.toml, ecg.toml and dna.toml read, and a night; returns good and bad rows of each."""
    write_training(folder, DEMO_ROWS, seed)
    nights = write_night(folder, DEMO_NIGHT, DEMO_NIGHT_ROWS, seed)
    return {name: {"good": night.good, "bad": night.bad} for name, night in nights.items()}
