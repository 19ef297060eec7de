"""The peers' environments: var/peers/NAME, each a virtual environment of its own from a pinned list.

In: benchmarks/peers/requirements-NAME.txt. Out: an `Environment` with its interpreter, or with the reason why there is
none. Promise: an environment is used again only while its list and the Python are those it was made from; one that was
killed half-way, or that cannot be made, never looks like one that is there. `python -m benchmarks.environments [NAME]`
makes them all, or those named, and says what came of each.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = Path(__file__).parent / "peers"
ENVIRONMENTS = ROOT / "var" / "peers"
MADE_FROM = "made-from.txt"
MINUTES = 20


@dataclass(frozen=True)
class Environment:
    """One of the two is set."""

    name: str
    python: Path | None = None
    reason: str | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known())}; all if none is named")
    options = parser.parse_args()
    for name in options.names:
        if name not in known():
            parser.error(f"{name!r} has no requirements-{name}.txt; known are {', '.join(known())}")
    found = [environment(name) for name in options.names or known()]
    for one in found:
        print(f"{one.name}: {one.python or 'left out: ' + str(one.reason)}")
    return int(any(one.python is None for one in found))


def known() -> list[str]:
    """The peers that have a list."""
    return sorted(path.stem.removeprefix("requirements-") for path in LISTS.glob("requirements-*.txt"))


def environment(name: str, lists: Path = LISTS, root: Path = ENVIRONMENTS) -> Environment:
    """The environment of one peer, made now if there is none of this list."""
    pins = (lists / f"requirements-{name}.txt").read_text("utf-8")
    made_from = f"# Python {platform.python_version()}\n{pins}"
    folder = root / name
    python = folder / "bin" / "python"
    stamp = folder / MADE_FROM
    if stamp.is_file() and stamp.read_text("utf-8") == made_from and python.exists():
        return Environment(name, python)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder)  # our own pip fills it: one fewer to unpack
    command = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--no-input"]
    reason = failure([*command, "install", "-r", str(lists / f"requirements-{name}.txt")])
    if reason is not None:
        return Environment(name, reason=f"pip could not install {name}: {reason}")
    stamp.write_text(made_from, "utf-8")  # last: without it the environment is made anew
    return Environment(name, python)


def failure(command: list[str]) -> str | None:
    """None if a command does its work; else the last line of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MINUTES * 60, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {MINUTES} minutes"
    if done.returncode == 0:
        return None
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit code {done.returncode} without a word"


if __name__ == "__main__":
    sys.exit(main())
