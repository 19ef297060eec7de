"""Simulated data for the three worked examples: reviews, electrocardiograms, DNA. See docs/simulated-data.md."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

from seqcls.simulate import dna, ecg, reviews
from seqcls.simulate.night import write_night

__all__ = ["write_demo", "write_night", "write_training"]

# Rows at which the networks of configs/ learn their task in about a minute each on two processors.
DEMO_ROWS: Final = 6000
DEMO_NIGHT_ROWS: Final = 1000
DEMO_NIGHT: Final = date(2026, 11, 22)


def write_training(folder: Path, rows: int, seed: int) -> list[Path]:
    """Training files of all three examples, each in its own folder."""
    return [
        path
        for name, write in (("reviews", reviews.write), ("ecg", ecg.write), ("dna", dna.write))
        for path in write(folder / name, rows, seed)
    ]


def write_demo(folder: Path, seed: int = 0) -> dict[str, dict[str, int]]:
    """What configs/reviews.toml, ecg.toml and dna.toml read, and a night; returns good and bad rows of each."""
    write_training(folder, DEMO_ROWS, seed)
    nights = write_night(folder, DEMO_NIGHT, DEMO_NIGHT_ROWS, seed)
    return {name: {"good": night.good, "bad": night.bad} for name, night in nights.items()}
