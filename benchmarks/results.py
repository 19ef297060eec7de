"""The table of docs/evidence/results.md: every config of configs/real, and five families on five kinds.

`python -m benchmarks.results [--only NAME ...] [--seeds 0 1 2] [--jobs 2]` runs the whole road, which opens the test
split once for each chosen config and seed, and writes benchmarks/results/results-MACHINE-torchVERSION.csv (a run that
is in the file already is replaced) and the tables of results.md. --list names what can be run, --table writes the
tables only.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import os
import platform
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path

from benchmarks.measured import Row, read_rows, replace
from benchmarks.results_table import write_tables
from benchmarks.runs import ROOT, whole_road
from benchmarks.sweep import Experiment, swept, tuned

KEY = ("name", "seed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names, or beginnings of names such as sweep-dna")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes at once; each trains with one thread")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    experiments = choose([*tuned(), *swept()], options.only, parser)
    if options.list:
        print("\n".join(experiment.name for experiment in experiments))
        return
    path = results_file()
    if not options.table:
        for new in run_all(experiments, options.seeds, options.jobs):
            replace(path, new, KEY, ordered=True)
            for row in new:
                print(f"{row['name']} seed {row['seed']}: accuracy {float(str(row['accuracy'])):.4f}", flush=True)
    write_tables(read_rows(path))


def choose(known: list[Experiment], wanted: list[str] | None, parser: argparse.ArgumentParser) -> list[Experiment]:
    """Those asked for; a name that nothing has is an error."""
    if wanted is None:
        return known
    names = {experiment.name for experiment in known}
    for name in wanted:
        if not any(other.startswith(name) for other in names):
            parser.error(f"{name!r} is not known; see --list")
    exact = {name for name in wanted if name in names}
    beginnings = tuple(name for name in wanted if name not in names)
    return [one for one in known if one.name in exact or (beginnings and one.name.startswith(beginnings))]


def run_all(experiments: list[Experiment], seeds: list[int], jobs: int) -> Iterable[list[Row]]:
    """Results group by group as they come; experiments on one data set share a process, and what is encoded."""
    ordered = sorted(experiments, key=lambda experiment: str(experiment.config))
    groups = [list(group) for _, group in groupby(ordered, key=lambda experiment: experiment.config)]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run_group, group, seeds) for group in groups]):
            yield done.result()


def run_group(experiments: list[Experiment], seeds: list[int]) -> list[Row]:
    """Each experiment with each seed."""
    return [run_one(experiment, seed) for experiment in experiments for seed in seeds]


def run_one(experiment: Experiment, seed: int) -> Row:
    """One run of the whole road, with what it ran on."""
    found = whole_road(experiment.config, {**experiment.changes, "seed": seed, "train.threads": 1})
    return {
        "name": experiment.name,
        "config": experiment.config.stem,
        "kind": experiment.kind,
        "seed": seed,
        **{name: round(value, 5) if isinstance(value, float) else value for name, value in found.items()},
        "threads": 1,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("seqcls", "torch", "numpy")},
    }


def results_file() -> Path:
    """One file a machine and torch: figures of another are not mixed in."""
    version = importlib.metadata.version("torch").split("+")[0]
    return ROOT / "benchmarks" / "results" / f"results-{platform.machine()}-{os.cpu_count()}cores-torch{version}.csv"


if __name__ == "__main__":
    main()
