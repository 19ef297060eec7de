"""How long the tests take: `python -m benchmarks.timed NAME COMMAND ...`, called by `make fast`, `test`, `coverage`.

In: a name and a command. Out: the exit code of the command; when it is 0, its seconds under that name in
build/tests.json, with date and machine. `--percent FILE`: also the share of lines that coverage wrote there.
`make shape` shows what is there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.record import ROOT, facts

TARGETS = ("fast", "test", "coverage")
TIMES = ROOT / "build" / "tests.json"


def run(name: str, command: list[str], percent: Path | None = None) -> int:
    begin = time.perf_counter()
    status = subprocess.run(command).returncode
    if status == 0:
        found = {"seconds": round(time.perf_counter() - begin)}
        if percent:
            found["percent"] = json.loads(percent.read_text())["totals"]["percent_covered"]
        keep(name, found)
    return status


def keep(name: str, found: dict[str, Any]) -> None:
    TIMES.parent.mkdir(exist_ok=True)
    fact = facts()
    both = {**kept(), name: {**found, "date": fact["date"], "machine": fact["machine"]}}
    TIMES.write_text(json.dumps(both, indent=1) + "\n")


def kept() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(TIMES.read_text()) if TIMES.is_file() else {}
    return found


def lines() -> dict[str, str]:
    """What `make shape` shows: a line a target, also for what was not run here."""
    found = kept()
    return {
        f"`make {name}`": _line(found[name]) if name in found else "not run here"
        for name in ("fast", "test", "coverage")
    }


def _line(one: dict[str, Any]) -> str:
    share = f"{one['percent']:.1f} % of the lines; " if "percent" in one else ""
    return f"{share}{one['seconds']} s ({one['date']}, {one['machine']})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--percent", type=Path)
    parser.add_argument("name")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    sys.exit(run(given.name, given.command, given.percent))


if __name__ == "__main__":
    main()
