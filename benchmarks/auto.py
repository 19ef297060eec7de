"""`family = "auto"` with its defaults and a budget on the real sets: what it chose, how long it took, what it reached.

`python -m benchmarks.auto [--budget 5m] [--seeds 0 1 2] [--only NAME ...] [--threads N] [--results FOLDER]` keeps of
each config of configs/real its data ([source], [split], [rules]) and leaves [encode], [model] and [train] at their
defaults but for `family = "auto"`, the budget and the threads: what somebody would get who knows nothing of the set.
Each run opens the test split once, at its end. A run that FOLDER/auto.csv holds already is not repeated; one that is
killed goes on where its search stood. The budget is working time, so a busy machine tries less.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.measured import RESULTS, Row, read_rows, replace, stamp
from benchmarks.runs import CONFIGS, FIGURES, ROOT, Changes, open_variant
from seqcls.processors.allowed import processors

SETS = (
    "crop", "dodger-loop-day", "ecg5000", "ecg200", "gun-point", "italy-power-demand", "japanese-vowels",
    "melbourne-pedestrian", "plaid", "shake-gesture-wiimote-z", "basic-motions",
    "sst3", "text-mr", "trec", "sms-spam", "tweeteval-emoji",
    "splice", "promoters", "bacterial-promoters", "human-core-promoters", "amp-scanner",
)  # fmt: skip
KEY = ("set", "seed", "budget", "threads")
STORE = ROOT / "var" / "auto"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", default="5m", help="of each run, such as 90s or 1h30m")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=SETS, default=SETS, metavar="NAME")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    path = options.results / "auto.csv"
    for name in options.only:
        for seed in options.seeds:
            key = (name, seed, options.budget, options.threads)
            if is_done(read_rows(path), key):
                print(f"{name} seed {seed}: is in {path.name}", flush=True)
                continue
            row = run(name, seed, options.budget, options.threads)
            replace(path, [row], KEY)
            print(f"{name} seed {seed}: {row['chosen']}, accuracy {row['accuracy']}, {row['seconds']} s", flush=True)
    return 0


def is_done(rows: list[Row], key: tuple[object, ...]) -> bool:
    """Whether a run is in the file."""
    return tuple(map(str, key)) in {tuple(str(row[name]) for name in KEY) for row in rows}


def settings(seed: int, budget: str, threads: int) -> Changes:
    """Defaults everywhere, but for what says what the data is."""
    return {
        "model": {"family": "auto"},
        "train": {"budget": budget, "threads": threads},
        "encode": {},
        "promote": {"every_class_predicted": False},
        "seed": seed,
    }


def run(name: str, seed: int, budget: str, threads: int, store: Path = STORE) -> Row:
    """The whole road; the search writes down what it tried."""
    from seqcls.road import train_pipeline

    began = time.perf_counter()
    with open_variant(CONFIGS / f"{name}.toml", settings(seed, budget, threads), store) as workspace:
        outcome = train_pipeline(workspace)
    metrics, search = outcome.metrics, outcome.search
    assert search is not None, 'family = "auto" leaves a record of its search'
    return {
        "set": name,
        "seed": seed,
        "budget": budget,
        "chosen": search.chosen,
        **{figure: round(metrics["test"][figure], 5) for figure in (*FIGURES, "mcc")},
        "test_rows": metrics["test"]["rows"],
        "linear_accuracy": metrics["baselines"]["linear"].get("accuracy", ""),
        "search_seconds": round(search.seconds, 1),
        "train_seconds": round(outcome.seconds["train"], 1),  # search and the training of the chosen one
        "seconds": round(time.perf_counter() - began, 1),
        "scores": json.dumps({one.name: one.score for one in search.candidates}),
        **stamp(threads),
    }


if __name__ == "__main__":
    sys.exit(main())
