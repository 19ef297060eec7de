"""Rows a second on a quiet machine and beside two and four busy processes: ours, ours spinning, plain PyTorch, Keras.

`python -m benchmarks.busy [--keras PYTHON] [--quick]`: the ECG network in processes of their own, in turn, pair after
pair; then two trainings at once, against the sum of the times that each takes alone. *spinning*: the OpenMP library's
own way of waiting (GOMP_SPINCOUNT at its default), which seqcls replaces by a short spin, then sleep. Writes
benchmarks/results/busy.json: medians, lowest and highest, with machine, versions and load. Run it on a quiet machine:
the line of ratios on `quiet` says what our way costs there (at least 0.97 is asked for). About twelve minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.busy_step import CASE
from benchmarks.measured import RESULTS, Row, peer_environment, stamp
from benchmarks.network_rows import make_rows
from benchmarks.speed import BATCH
from benchmarks.speed_ours import CASES
from seqcls.processors.allowed import processors

HERE = Path(__file__).parent
LOADS = (0, 2, 4)
EPOCHS = 6  # on a quiet machine: what waiting costs there is less than two short runs differ
SPINS = "300000"  # libgomp's own, where nobody says how threads wait
AT_ONCE = 1.15  # times the sum of the times alone: the most that two trainings may take
# Ends by itself when the benchmark is gone, however that ended.
BUSY = 'while kill -0 "$0" 2>/dev/null; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done'
Side = tuple[list[str], dict[str, str]]
"""Command and environment."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras", metavar="PYTHON", help="interpreter of an environment with tensorflow-cpu")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--pairs", type=int, default=2, help="beside busy processes; on a quiet machine ten more")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="sizes that say nothing, to see that it runs")
    options = parser.parse_args()
    rows, pairs, more = (4 * BATCH, 1, 0) if options.quick else (options.rows, options.pairs, 10)
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.npz"
        make_rows(CASE, rows).write(data, CASES[CASE][2].max_length)
        for load in LOADS:
            with busy_processes(load):
                epochs, others = (EPOCHS, more) if more and load == 0 else (1, 0)
                found += measure(sides(data, epochs, options), pairs + others, load)
        found += at_once(sides(data, 1 if options.quick else 3, options))
    write(options.results / "busy.json", found, options.threads)


def sides(data: Path, epochs: int, options: argparse.Namespace) -> dict[str, Side]:
    """Who is measured, and how each is started."""
    sizes = [str(data), str(BATCH), str(epochs), str(options.threads)]
    plain = peer_environment()
    ours = [sys.executable, "-m", "benchmarks.busy_step", *sizes]
    found: dict[str, Side] = {
        "seqcls": (ours, plain),
        "seqcls, spinning": (ours, {**plain, "GOMP_SPINCOUNT": SPINS}),
        "torch": ([sys.executable, str(HERE / "peers" / "plain_torch.py"), CASE, *sizes], plain),
    }
    if options.keras:
        found["keras"] = ([options.keras, str(HERE / "peers" / "keras_networks.py"), CASE, *sizes], plain)
    return found


@contextmanager
def busy_processes(number: int) -> Iterator[list[int]]:
    """Numbers of so many processes that only compute, ended with the block."""
    with ExitStack() as stack:
        started = []
        for _ in range(number):
            command = ["sh", "-c", BUSY, str(os.getpid())]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            stack.callback(process.kill)
            started.append(process.pid)
        yield started


def measure(who: dict[str, Side], pairs: int, load: int) -> list[Row]:
    """A line a side; ratios are those of each pair to ours spinning."""
    names, rounds = list(who), []
    for turn in range(pairs):
        first = turn % len(names)  # another goes first each time
        rounds.append({name: finish(start(who[name])) for name in names[first:] + names[:first]})
    lines = []
    for name in names:
        line: Row = {"what": "rows/s", "who": name, "busy": load, "pairs": pairs}
        for figure in ("train", "score"):
            rates = [one[name][figure] for one in rounds]
            ratios = [one[name][figure] / one["seqcls, spinning"][figure] for one in rounds]
            line |= {
                figure: round(statistics.median(rates)),
                f"{figure}_lowest": round(min(rates)),
                f"{figure}_highest": round(max(rates)),
                f"{figure}_ratio": round(statistics.median(ratios), 2),
            }
        lines.append(line)
        print(line, flush=True)
    return lines


def at_once(who: dict[str, Side]) -> list[Row]:
    """Seconds of two whole processes at once, against those of two in turn."""
    lines = []
    for name, side in who.items():
        began = time.perf_counter()
        for _ in range(2):
            finish(start(side))
        alone = time.perf_counter() - began
        began = time.perf_counter()
        both = [start(side) for _ in range(2)]
        for process in both:
            finish(process)
        together = time.perf_counter() - began
        line: Row = {"what": "two at once", "who": name, "alone_s": round(alone, 1), "together_s": round(together, 1),
                     "ratio": round(together / alone, 2), "most": AT_ONCE}  # fmt: skip
        lines.append(line)
        print(line, flush=True)
    return lines


def start(side: Side) -> subprocess.Popen[str]:
    command, environment = side
    return subprocess.Popen(command, cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, float]:
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args} ended with exit code {process.returncode}; what it said stands above")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def write(path: Path, found: list[Row], threads: int) -> None:
    """The file is replaced whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"about": {"batch": BATCH, **stamp(threads)}, "rows": found}, indent=1) + "\n")
    os.replace(draft, path)


if __name__ == "__main__":
    main()
