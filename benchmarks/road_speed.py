"""From files to scores on disk: what the road costs beside its own scorer and beside pyarrow alone.

`python -m benchmarks.road_speed [--rows 1000000] [--laps 5] [--threads N] [--results FOLDER]` makes DNA rows (150
bases), then, each in a process of its own: pyarrow reads the CSV and writes it as Parquet with its defaults; ingest,
validate, split and encode; all of these in laps, since the machine drifts; the scorer on rows in memory; `seqcls score`
from discovery to published files; the scorer again. All of it for a tenth of the rows too, to see whether memory grows
with them, and ingest and validate for short rows (20 bases). What is loaded once a process is loaded before the clock
runs. Seconds are medians over the laps, peaks the highest; what ingest and encode take by pyarrow is the median of the
laps' own ratios. Writes FOLDER/road_speed.csv (steps) and FOLDER/road_targets.csv. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measured import RESULTS, Row, in_a_process, number, replace, stamp
from benchmarks.road_data import CONFIG, write_dna
from seqcls.processors.allowed import processors

SHORT = 20
"""Bases of a short row."""
TRAINING_ROWS = 2_000
PREPARING = ("pyarrow", "ingest", "validate", "split", "encode")
"""Run in laps."""
SCORING = ("scorer", "road", "scorer again")
STEPS = (*PREPARING, *SCORING)
FLAT = 1.1, 50.0
"""Ten times the rows may need so many times the memory, and so many MiB more: as the issue of the project says."""
STAGES = ("ingest", "validate", "split", "encode", "road")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--laps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    steps: list[Row] = []
    for rows in (options.rows // 10, options.rows):
        steps += measure(rows, 150, STEPS, options.laps, options.threads)
    steps += measure(options.rows, SHORT, ("ingest", "validate"), options.laps, options.threads)
    found = targets(steps, options.rows)
    about = stamp(options.threads)
    replace(options.results / "road_speed.csv", [{**row, **about} for row in steps], ("rows", "bases", "step"))
    replace(options.results / "road_targets.csv", [{**row, **about} for row in found], ("target",))
    for row in found:
        print(f"{row['target']}: {row['measured']} (wanted {row['wanted']}): {'holds' if row['holds'] else 'MISSED'}")
    return int(not all(row["holds"] for row in found))


def measure(rows: int, bases: int, steps: tuple[str, ...], laps: int, threads: int) -> list[Row]:
    """Every step on one set of files; a stage finds those before it in the store, and none of an earlier lap."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dna(folder / "rows.csv", rows, length=bases)
        write_dna(folder / "night.csv", rows, length=bases, labelled=False, seed=1)
        (folder / "road.toml").write_text(CONFIG.replace("max_length = 150", f"max_length = {bases}"), "utf-8")

        def run(step: str) -> Row:
            arguments = (step.removesuffix(" again"), name, str(rows), str(threads))
            said = json.loads(in_a_process("benchmarks.road_speed_step", *arguments, threads=threads))
            print({"rows": rows, "bases": bases, "step": step, **said}, flush=True)
            return {"rows": rows, "bases": bases, "step": step, **said}

        found: list[list[Row]] = []
        for _ in range(laps):
            shutil.rmtree(folder / "store", ignore_errors=True)
            found.append([run(step) for step in steps if step in PREPARING])
        measured = summary(found)
        if "road" in steps:
            arguments = ("champion", name, str(TRAINING_ROWS), str(threads))
            in_a_process("benchmarks.road_speed_step", *arguments, threads=threads)
        return measured + [run(step) for step in steps if step in SCORING]


def summary(laps: list[list[Row]]) -> list[Row]:
    """One row a step; that of encode also says what ingest and encode took by pyarrow."""
    found: list[Row] = []
    for runs in zip(*laps, strict=True):
        seconds = statistics.median(figure(run, "seconds") for run in runs)
        peak = max(figure(run, "peak_mib") for run in runs)
        rate = round(statistics.median(figure(run, "rows_s") for run in runs))
        found.append({**runs[0], "seconds": seconds, "rows_s": rate, "peak_mib": peak, "laps": len(runs)})
    ratios = []
    for lap in laps:
        took = {str(run["step"]): figure(run, "seconds") for run in lap}
        if "pyarrow" in took:
            ratios.append((took["ingest"] + took["encode"]) / took["pyarrow"])
    if ratios:
        by_step = {row["step"]: row for row in found}
        by_step["encode"] |= {
            "by_pyarrow": round(statistics.median(ratios), 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
        }
    return found


def figure(row: Row, name: str) -> float:
    """One that must be there."""
    value = number(row, name)
    assert value is not None, f"{row['step']} says nothing of {name}"
    return value


def targets(steps: list[Row], rows: int) -> list[Row]:
    """What was wanted of the largest number of rows, what was measured, and whether it holds."""

    def of(step: str, name: str, count: int = rows, bases: int = 150) -> float:
        (row,) = [one for one in steps if (one["rows"], one["bases"], one["step"]) == (count, bases, step)]
        return figure(row, name)

    scorer = (of("scorer", "rows_s") + of("scorer again", "rows_s")) / 2  # half before, half after: the machine drifts
    short = of("validate", "seconds", bases=SHORT) * 1_000_000 / rows
    found = [
        _target("road by scorer, rows/s", of("road", "rows_s") / scorer, at_least=0.7),
        _target("validate, s a million short rows", short, at_most=2.0),
        _target("ingest + encode by pyarrow, s", of("encode", "by_pyarrow"), at_most=2.0)
        | {name: of("encode", name) for name in ("lowest", "highest")},
    ]
    for step in STAGES:
        small, large = (of(step, "peak_mib", count) for count in (rows // 10, rows))
        found.append(_target(f"peak of {step}, MiB", large, at_most=round(FLAT[0] * small + FLAT[1], 1)))
    return found


def _target(name: str, measured: float, *, at_least: float = float("-inf"), at_most: float = float("inf")) -> Row:
    wanted = f"at least {at_least}" if at_least != float("-inf") else f"at most {at_most}"
    holds = at_least <= measured <= at_most
    return {"target": name, "measured": round(measured, 3), "wanted": wanted, "holds": int(holds)}


if __name__ == "__main__":
    sys.exit(main())
