"""Files of measurements: rows with what they were measured on and with; a new row takes the place of its older one.

In: rows. Out: a CSV file. Promise: what other runs measured stays; a column that only some rows have is empty in the
others; the file is replaced whole, so that a run that is killed leaves the old one.
"""

from __future__ import annotations

import csv
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from seqcls.processors.waiting import OURS

Row = dict[str, object]
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("seqcls", "torch", "numpy", "pyarrow")


def stamp(threads: int) -> Row:
    """Machine, versions, date and commit; the load says what else the machine had to do."""
    from benchmarks.record import facts  # asks git when it is loaded

    known = facts()
    return {
        "threads": threads,
        "machine": known["machine"],
        "load": round(os.getloadavg()[0], 1),
        "date": known["date"],
        "commit": known["commit"],
        "python": known["versions"]["python"],
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def read_rows(path: Path) -> list[Row]:
    """What is in the file; nothing if there is none yet."""
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def replace(path: Path, new: Iterable[Row], key: Sequence[str], *, ordered: bool = False) -> None:
    """Write a file again with the new rows in the place of those with the same key; `ordered` sorts all by the key."""
    rows = {tuple(str(row.get(name, "")) for name in key): row for row in [*read_rows(path), *new]}
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with open(draft, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in (sorted(rows) if ordered else rows))
    os.replace(draft, path)


def number(row: Row, name: str) -> float | None:
    """A figure of a row; None where the cell is empty or there is no such column."""
    text = str(row.get(name, ""))
    return float(text) if text else None


def peer_environment() -> dict[str, str]:
    """For a peer's process: its threads wait as they do without us (seqcls/processors/waiting.py)."""
    return {name: value for name, value in os.environ.items() if OURS.get(name) != value}


def peak_mib() -> float:
    """VmHWM of this process: ru_maxrss would also count what the parent held before this program was loaded."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def in_a_process(module: str, *arguments: str, threads: int) -> str:
    """The last line that a module of its own process printed; what it said before it failed is not hidden."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()[-1]
