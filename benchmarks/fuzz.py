"""Damaged files of every source format: rows in = accepted + rejected, or a clear refusal; nothing else, ever.

`python -m benchmarks.fuzz [--inputs 100000] [--seed 0] [--first 0]` (`make fuzz`). The files that are damaged are the
first rows of the real sets, where they are, and some made by hand (tests/mutations.py). Each input is decided by the
files, the seed and its number. A crash is kept in tests/reliability/crashes/, made as small as it can be while it
fails in the same way, and becomes a test by lying there. Figures are written as the run goes on; with --first it goes
on with the numbers of an earlier run, and each part stands with the code that it was tried on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.record import COMMIT, FIGURES, record
from tests.mutations import LONGEST, SEEDS, every_seed, mutate, read_mutated

CRASHES = Path(__file__).parents[1] / "tests" / "reliability" / "crashes"
SECONDS = 20  # no small file takes so long: a hang
SAVE_EVERY = 25_000
DISK_IN_MEMORY = Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input: to go on")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_slow)
    seeds = every_seed()
    if DISK_IN_MEMORY.is_dir():
        tempfile.tempdir = str(DISK_IN_MEMORY)  # also for the reader's own files
    began = time.perf_counter()
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for done in range(1, options.inputs + 1):
            outcomes[try_one(Path(name), options.seed, options.first + done - 1, seeds)] += 1
            if done % SAVE_EVERY == 0 or done == options.inputs:
                save(options.seed, options.first, outcomes, round(time.perf_counter() - began), len(seeds))
    return 1 if outcomes["crashed"] else 0


def save(seed: int, first: int, outcomes: Counter[str], seconds: int, seeds: int) -> None:
    """Write the figures of all parts of a run: those of earlier numbers, and this one so far."""
    section = f"fuzz, seed {seed}"
    known = json.loads(FIGURES.read_text()).get(section, {}) if FIGURES.is_file() else {}
    parts = [part for part in known.get("parts", []) if part["first"] + part["times"] <= first]
    parts.append(
        {"first": first, "times": outcomes.total(), "seconds": seconds, "commit": COMMIT}
        | {outcome: outcomes[outcome] for outcome in ("read", "refused", "crashed")}
    )
    total = {name: sum(part[name] for part in parts) for name in ("times", "seconds", "read", "refused", "crashed")}
    record(
        section,
        {
            "tried": f"damaged input files in {len(SEEDS)} formats: first rows of {seeds - len(SEEDS)} real files, and "
            f"{len(SEEDS)} made by hand",
            "times": total["times"],
            "wrong": {"books that do not balance, foreign exceptions or hangs": total["crashed"]},
            "read": total["read"],
            "refused": total["refused"],
            "seed": seed,
            "seconds": total["seconds"],
            "parts": parts,
        },
    )


def try_one(folder: Path, seed: int, number: int, seeds: Mapping[str, bytes] = SEEDS) -> str:
    """Damage one of the files and read it."""
    rng = random.Random(f"{seed} {number}")
    road = rng.choice(sorted(seeds))
    data = seeds[road]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = mutate(data, rng)[:LONGEST]
    error = _failure(folder, road, data)
    if not isinstance(error, Exception):
        return error
    print(f"input {number} of seed {seed}, {road}:", file=sys.stderr)
    traceback.print_exception(error)
    small = shrink(data, lambda less: isinstance(_failure(folder, road, less), type(error)))
    CRASHES.mkdir(exist_ok=True)
    (CRASHES / f"{road}-{hashlib.sha256(small).hexdigest()[:12]}").write_bytes(small)
    return "crashed"


def _failure(folder: Path, road: str, data: bytes) -> str | Exception:
    signal.alarm(SECONDS)
    try:
        return read_mutated(folder, road, data)
    except Exception as error:
        return error
    finally:
        signal.alarm(0)


def shrink(data: bytes, fails: Callable[[bytes], bool], tries: int = 400) -> bytes:
    """Leave parts out, halves first, single bytes last, while the rest still fails (Zeller & Hildebrandt 2002)."""
    size = len(data) // 2
    while size and tries > 0:
        at = 0
        while at < len(data) and tries > 0:
            tries -= 1
            less = data[:at] + data[at + size :]
            if fails(less):
                data = less
            else:
                at += size
        size //= 2
    return data


def _too_slow(_number: int, _frame: object) -> None:
    raise TimeoutError(f"no answer after {SECONDS} s")


if __name__ == "__main__":
    raise SystemExit(main())
