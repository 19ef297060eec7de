"""What `family = "auto"` should reach with its defaults in five minutes a set, beside what it reached.

In: rows of auto.csv. Out: a Markdown table. Promise: a set that was not run is named as such, and a mean over sets is
only given when all of them were run.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks.measured import Row, number
from benchmarks.page import spread, table

SERIES = (
    "ecg5000", "ecg200", "japanese-vowels", "plaid", "melbourne-pedestrian", "italy-power-demand", "gun-point",
    "shake-gesture-wiimote-z", "dodger-loop-day",
)  # fmt: skip


@dataclass(frozen=True)
class Aim:
    """A figure of the test split; over several sets, the mean of their means."""

    what: str
    sets: tuple[str, ...]
    figure: str
    least: float


AIMS = (
    Aim("nine sets of series, mean", SERIES, "accuracy", 0.925),
    Aim("sst3", ("sst3",), "accuracy", 0.66),
    Aim("text-mr", ("text-mr",), "accuracy", 0.79),
    Aim("trec", ("trec",), "accuracy", 0.92),
    Aim("sms-spam", ("sms-spam",), "macro_f1", 0.97),
    Aim("tweeteval-emoji", ("tweeteval-emoji",), "macro_f1", 0.29),
    Aim("splice", ("splice",), "accuracy", 0.965),
    Aim("bacterial-promoters", ("bacterial-promoters",), "accuracy", 0.86),
    Aim("human-core-promoters", ("human-core-promoters",), "mcc", 0.66),
    Aim("amp-scanner", ("amp-scanner",), "accuracy", 0.915),
)


def aims_table(rows: list[Row]) -> str:
    """A line an aim."""
    head = ("set", "chosen", "figure", "reached", "wanted", "runs", "")
    return table(head, [_line(aim, [row for row in rows if row["set"] in aim.sets]) for aim in AIMS], left=2)


def _line(aim: Aim, runs: list[Row]) -> tuple[object, ...]:
    missing = [name for name in aim.sets if name not in {row["set"] for row in runs}]
    if missing:
        return aim.what, "", aim.figure, "", aim.least, len(runs), f"not run: {', '.join(missing)}"
    mean = statistics.fmean(_mean(runs, name, aim.figure) for name in aim.sets)
    reached = spread(_by_seed(aim, runs), aim.figure, 4) or f"{mean:.4f}"
    chosen = ", ".join(sorted({str(row["chosen"]) for row in runs}))
    return aim.what, chosen, aim.figure, reached, aim.least, len(runs), "holds" if mean >= aim.least else "**missed**"


def _by_seed(aim: Aim, runs: list[Row]) -> list[Row]:
    """For each seed the mean over the sets; nothing where a seed was not run on all of them."""
    seeds: dict[object, list[Row]] = {}
    for row in runs:
        seeds.setdefault(row["seed"], []).append(row)
    if any(len(each) != len(aim.sets) for each in seeds.values()):
        return []
    return [{aim.figure: statistics.fmean(_mean(each, name, aim.figure) for name in aim.sets)}
            for each in seeds.values()]  # fmt: skip


def _mean(runs: list[Row], name: str, figure: str) -> float:
    return statistics.fmean(value for row in runs if row["set"] == name and (value := number(row, figure)) is not None)
