"""One step of `benchmarks.road_speed`, in a process of its own.

usage: python -m benchmarks.road_speed_step STEP FOLDER ROWS THREADS
FOLDER holds road.toml, rows.csv and night.csv. Prints one JSON line: seconds, rows a second, peak memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from benchmarks.measured import peak_mib
from benchmarks.road_data import CONFIG, write_dna

WARM_ROWS = 500
SCORED_ALONE = 100_000
"""Rows that the scorer is given in memory; more say no more, and would need the memory of all."""


def main() -> None:
    step, folder, rows, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    pa.set_cpu_count(threads)
    if step in ("champion", "scorer", "road"):  # the others never load torch: it would be most of their memory
        import torch

        torch.set_num_threads(threads)
    if step not in ("pyarrow", "champion"):
        warm_up(step)
    count, seconds = STEPS[step](folder, rows) if step in STEPS else stage(folder, rows, step)
    print(
        json.dumps({"seconds": round(seconds, 3), "rows_s": round(count / seconds), "peak_mib": round(peak_mib(), 1)})
    )


def warm_up(step: str) -> None:
    """The same on a few rows elsewhere: modules, thread pools and kernels are then loaded."""
    with tempfile.TemporaryDirectory() as name:
        small = Path(name)
        (small / "road.toml").write_text(CONFIG, "utf-8")
        write_dna(small / "rows.csv", WARM_ROWS)
        write_dna(small / "night.csv", WARM_ROWS, labelled=False, seed=1)
        if step in ("scorer", "road"):
            champion(small, WARM_ROWS)
            STEPS[step](small, WARM_ROWS)
        else:
            stage(small, WARM_ROWS, step)


def pyarrow_alone(folder: Path, rows: int) -> tuple[int, float]:
    """The same bytes in, Parquet out, all defaults: what no reader of these rows can be expected to beat by much."""
    import pyarrow.csv
    import pyarrow.parquet as pq

    began = time.perf_counter()
    with (
        pyarrow.csv.open_csv(folder / "rows.csv") as reader,
        pq.ParquetWriter(folder / "alone.parquet", reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
    return rows, time.perf_counter() - began


def stage(folder: Path, rows: int, wanted: str) -> tuple[int, float]:
    """The stages up to the wanted one; those of earlier steps are found in the store."""
    from seqcls import stages
    from seqcls.workspace import open_workspace

    with open_workspace(folder / "road.toml") as workspace:
        done = stages.run_until(workspace, next(found for found in stages.TRAINING if found.name == wanted))[-1]
    assert (done.stage, done.reused) == (wanted, False), "a stage that was found in the store says nothing of its speed"
    return rows, done.seconds


def champion(folder: Path, rows: int) -> tuple[int, float]:
    """A small network, trained on rows of the same kind and promoted; training is not what is measured here."""
    from seqcls.ledger.models import list_models
    from seqcls.registry.versions import promote
    from seqcls.road import train_pipeline
    from seqcls.workspace import open_workspace

    rows_file, kept = folder / "rows.csv", folder / "rows.kept"
    rows_file.rename(kept)
    write_dna(rows_file, rows, seed=2)
    began = time.perf_counter()
    with open_workspace(folder / "road.toml") as workspace:
        train_pipeline(workspace)
        promote(workspace, list_models(workspace.ledger)[0], force=True, why="to be measured")
    seconds = time.perf_counter() - began
    kept.rename(rows_file)
    return rows, seconds


def scorer_alone(folder: Path, rows: int) -> tuple[int, float]:
    """Rows in memory to probabilities in memory."""
    import pyarrow.csv

    from seqcls.engines.scorer import open_scorer
    from seqcls.ledger.models import list_models
    from seqcls.workspace import open_workspace

    with open_workspace(folder / "road.toml") as workspace, pyarrow.csv.open_csv(folder / "night.csv") as reader:
        scorer = open_scorer(workspace, list_models(workspace.ledger)[0])
        batches, count = [], 0
        while count < min(rows, SCORED_ALONE):
            batches.append(reader.read_next_batch())
            count += batches[-1].num_rows
        table = pa.Table.from_batches(batches).slice(0, SCORED_ALONE)
        began = time.perf_counter()
        scorer.score(table)
        return table.num_rows, time.perf_counter() - began


def whole_road(folder: Path, rows: int) -> tuple[int, float]:
    """All that `seqcls score` does, from discovery to published files."""
    from seqcls.road import score_pipeline
    from seqcls.workspace import open_workspace

    began = time.perf_counter()
    with open_workspace(folder / "road.toml") as workspace:
        books = score_pipeline(workspace).run.rows
    seconds = time.perf_counter() - began
    if books.scored != rows:
        raise SystemExit(f"{books.scored} of {rows} rows were scored: {books}")
    return rows, seconds


STEPS: dict[str, Callable[[Path, int], tuple[int, float]]] = {
    "pyarrow": pyarrow_alone,
    "champion": champion,
    "scorer": scorer_alone,
    "road": whole_road,
}


if __name__ == "__main__":
    main()
