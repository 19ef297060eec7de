"""Training rows a second by threads and precision: `python -m benchmarks.training_threads [--rows 1024] [--rounds 3]`.

The founding document's networks at its settings (benchmarks/speed_ours.py), on the rows of `benchmarks.speed`, trained
by `train` from encoded Parquet, each way once a round. Prints a line of Markdown for each network: the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.network_rows import make_rows
from benchmarks.speed import BATCH, EPOCHS
from benchmarks.speed_ours import CASES, plain_pipeline, write_tables
from seqcls.processors.allowed import processors
from seqcls.store.artefacts import ArtefactStore

PRECISIONS = ("float32", "bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ways = [(precision, threads) for precision in PRECISIONS for threads in sorted({1, processors()})]
    print(f"| network | {' | '.join(f'{precision}, {threads}' for precision, threads in ways)} |")
    print("|---|" + "---:|" * len(ways))
    for case in CASES:
        rounds = [[rows_a_second(case, options.rows, *way) for way in ways] for _ in range(options.rounds)]
        medians = [f"{statistics.median(rates):,.0f}" for rates in zip(*rounds, strict=True)]
        print(f"| {case} | {' | '.join(medians)} |", flush=True)


def rows_a_second(case: str, rows: int, precision: str, threads: int) -> float:
    from seqcls.training.train import train

    _, classes, spec, _ = CASES[case]
    table = make_rows(case, rows).table()
    tables = {"train": table, "valid": table.slice(0, rows // 8), "test": table.slice(0, 0)}
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        encoded = write_tables(store, spec, classes, tables)
        return train(encoded, plain_pipeline(case, BATCH, EPOCHS, threads, precision), store).rows_per_second


if __name__ == "__main__":
    main()
