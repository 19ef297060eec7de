"""Peak memory of ingest, validate, split and encode for 100,000 and 1,000,000 DNA rows of 150 bases.

`python -m benchmarks.memory [--rows 100000 1000000]` writes benchmarks/results/memory.csv: each stage runs in a process
of its own, as a task run does, and its peak is what the kernel counted (VmHWM).
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measured import peak_mib
from benchmarks.road_data import write_dna

STAGES = ("ingest", "validate", "split", "encode")
RESULTS = Path(__file__).parent / "results" / "memory.csv"
CONFIG = """
name = "memory"
kind = "dna"
[source]
format = "csv"
files = ["rows.csv"]
id = "id"
[model]
family = "gru"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(run_stage(options.stage, options.folder)))
        return
    rows = [measure(count) for count in options.rows]
    write_results(rows)


def measure(count: int) -> list[dict[str, object]]:
    """All four stages on one simulated file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dna(folder / "rows.csv", count)
        (folder / "memory.toml").write_text(CONFIG)
        results = []
        for stage in STAGES:
            command = [sys.executable, "-m", "benchmarks.memory", "--stage", stage, "--folder", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results.append({"rows": count, "stage": stage, **json.loads(done.stdout)})
            print(results[-1], flush=True)
        return results


def run_stage(stage: str, folder: Path) -> dict[str, float]:
    """Run up to a stage (the earlier ones are found in the store); seconds and peak memory of this process."""
    from seqcls import stages
    from seqcls.workspace import open_workspace

    with open_workspace(folder / "memory.toml") as workspace:
        done = stages.run_until(workspace, next(found for found in stages.TRAINING if found.name == stage))[-1]
    assert done.stage == stage
    assert not done.reused
    return {"seconds": round(done.seconds, 2), "peak_mib": round(peak_mib(), 1)}


def write_results(groups: list[list[dict[str, object]]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("seqcls", "pyarrow", "pandas", "great_expectations")},
    }
    rows = [{**row, **facts} for group in groups for row in group]
    with open(RESULTS, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
