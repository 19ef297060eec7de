"""Damaged files of every source format: rows in = accepted + rejected, or a clear refusal; nothing else, ever.

`python -m benchmarks.fuzz [--inputs 100000] [--seed 0]` (`make fuzz`). Each input is decided by seed and number alone.
A crash is kept in tests/reliability/crashes/ and becomes a test by lying there.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from benchmarks.record import record
from tests.mutations import SEEDS, mutate, read_mutated

CRASHES = Path(__file__).parents[1] / "tests" / "reliability" / "crashes"
SECONDS = 20  # no small file takes so long: a hang


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_slow)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        outcomes = Counter(try_one(Path(name), options.seed, number) for number in range(options.inputs))
    record(
        f"fuzz, seed {options.seed}",
        {
            "tried": f"damaged input files, {len(SEEDS)} formats",
            "times": options.inputs,
            "wrong": {"books that do not balance, foreign exceptions or hangs": outcomes["crashed"]},
            "read": outcomes["read"],
            "refused": outcomes["refused"],
            "seed": options.seed,
            "seconds": round(time.perf_counter() - began),
        },
    )
    return 1 if outcomes["crashed"] else 0


def try_one(folder: Path, seed: int, number: int) -> str:
    """Damage one seed file and read it."""
    rng = random.Random(f"{seed} {number}")
    format = rng.choice(sorted(SEEDS))
    data = SEEDS[format][1]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = mutate(data, rng)[:100_000]
    signal.alarm(SECONDS)
    try:
        return read_mutated(folder, format, data)
    except Exception:
        traceback.print_exc()
        CRASHES.mkdir(exist_ok=True)
        (CRASHES / f"{format}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
        return "crashed"
    finally:
        signal.alarm(0)


def _too_slow(_number: int, _frame: object) -> None:
    raise TimeoutError(f"no answer after {SECONDS} s")


if __name__ == "__main__":
    raise SystemExit(main())
