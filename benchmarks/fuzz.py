"""Damaged files of every source format: rows in = accepted + rejected, or a clear refusal; nothing else, ever.

`python -m benchmarks.fuzz [--inputs 100000] [--seed 0] [--first 0]` (`make fuzz`). The files that are damaged are the
first rows of the real sets, where they are, and some made by hand (tests/mutations.py). Each input is decided by the
files, the seed and its number. A crash is kept in tests/reliability/crashes/, made as small as it can be while it
fails in the same way, and becomes a test by lying there.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.record import record
from tests.mutations import LONGEST, SEEDS, every_seed, mutate, read_mutated

CRASHES = Path(__file__).parents[1] / "tests" / "reliability" / "crashes"
SECONDS = 20  # no small file takes so long: a hang
DISK_IN_MEMORY = Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input: to try a part again")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_slow)
    seeds = every_seed()
    began = time.perf_counter()
    outcomes: Counter[str] = Counter()
    if DISK_IN_MEMORY.is_dir():
        tempfile.tempdir = str(DISK_IN_MEMORY)  # also for the reader's own files
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.first, options.first + options.inputs):
            outcomes[try_one(Path(name), options.seed, number, seeds)] += 1
            if number % 10_000 == 9_999:
                rate = (number + 1 - options.first) / (time.perf_counter() - began)
                print(f"{number + 1:,}: {dict(outcomes)}, {rate:.0f}/s", file=sys.stderr, flush=True)
    record(
        f"fuzz, seed {options.seed}",
        {
            "tried": f"damaged input files: first rows of {len(seeds) - len(SEEDS)} real files, {len(SEEDS)} made by "
            f"hand, in {len(SEEDS)} formats",
            "times": options.inputs,
            "wrong": {"books that do not balance, foreign exceptions or hangs": outcomes["crashed"]},
            "read": outcomes["read"],
            "refused": outcomes["refused"],
            "seed": options.seed,
            "seconds": round(time.perf_counter() - began),
        },
    )
    return 1 if outcomes["crashed"] else 0


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
