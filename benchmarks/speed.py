"""Rows a second of the founding document's three networks: ours, a plain PyTorch loop, Keras; paired, in one run.

`python -m benchmarks.speed [--pairs 5] [--rows 4096] [--keras PYTHON]` runs all of them in turn, each in a process of
its own, pair after pair, and writes benchmarks/results/speed.csv: medians, and the median of the ratios of each pair to
the better peer of that pair. `text` and `reviews` are the same network: on 100 words a row, or on as many as reviews
have (median 26), which the peers pad to 100, as the founding document does, and ours within a batch only. --keras names
the interpreter of an environment with tensorflow-cpu, such as `benchmarks.environments` makes; without it Keras is left
out. Ours is trained with both settings of `train.precision`, and scores with the engine that the race of a promotion
chooses; the peers are as one writes them, in float32. The rows are
the same, and simulated (benchmarks/network_rows.py).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measured import RESULTS, peer_environment, replace, stamp
from benchmarks.network_rows import make_rows
from benchmarks.speed_ours import CASES
from seqcls.processors.allowed import processors

HERE = Path(__file__).parent
BATCH, EPOCHS = 32, 2
OURS = [sys.executable, "-m", "benchmarks.speed_ours"]
WHATS = {
    "train": ("seqcls", "train"),
    "train, bfloat16": ("seqcls_bf16", "train"),  # train.precision, against the peers as they are
    "score": ("seqcls", "score"),
}
"""What is measured: which of ours, and which of its figures."""
Rates = dict[str, Any]
"""Rows a second of `train` and of `score`, and the engine that scored."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--keras", metavar="PYTHON", help="interpreter of an environment with tensorflow-cpu")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.rows < 4 * BATCH:
        parser.error(f"--rows {options.rows}: the peers warm up on {4 * BATCH} rows, so at least as many are needed")
    commands = {
        "seqcls": [*OURS, "float32"],
        "seqcls_bf16": [*OURS, "bfloat16"],
        "torch": [sys.executable, str(HERE / "peers" / "plain_torch.py")],
    }
    if options.keras:
        commands["keras"] = [options.keras, str(HERE / "peers" / "keras_networks.py")]
    lines: list[dict[str, object]] = []
    for case in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.npz"
            make_rows(case, options.rows).write(path, CASES[case][2].max_length)
            sizes = [str(size) for size in (BATCH, EPOCHS, options.threads)]
            whole = {name: [*command, case, str(path), *sizes] for name, command in commands.items()}
            pairs = [run_pair(whole, turn) for turn in range(options.pairs)]
        for what in WHATS:
            lines.append(summary(case, what, pairs))
            print(lines[-1], flush=True)
    about = {"batch": BATCH, **stamp(options.threads)}
    replace(options.results / "speed.csv", [{**line, **about} for line in lines], ("case", "what"))


def run_pair(commands: dict[str, list[str]], turn: int) -> dict[str, Rates]:
    """Each once; another goes first each time, since what the machine does besides changes within a pair too."""
    names = list(commands)
    first = turn % len(names)
    return {name: run(name, commands[name]) for name in names[first:] + names[:first]}


def run(name: str, command: list[str]) -> Rates:
    surroundings = dict(os.environ) if name.startswith("seqcls") else peer_environment()
    done = subprocess.run(command, cwd=HERE.parent, env=surroundings, check=True, stdout=subprocess.PIPE, text=True)
    rates: Rates = json.loads(done.stdout.splitlines()[-1])
    return rates


def summary(case: str, what: str, pairs: list[dict[str, Rates]]) -> dict[str, object]:
    """Medians of each, and how many times the better peer we are: median, lowest and highest over the pairs."""
    who, figure = WHATS[what]
    ratios = [
        pair[who][figure] / max(rates[figure] for name, rates in pair.items() if name in ("torch", "keras"))
        for pair in pairs
    ]
    line: dict[str, object] = {"case": case, "what": what, "pairs": len(pairs)}
    for column, name in (("seqcls", who), ("torch", "torch"), ("keras", "keras")):
        rates = [pair[name][figure] for pair in pairs if name in pair]
        line[f"{column}_rows_s"] = round(statistics.median(rates)) if rates else ""
    line |= {
        "ratio": round(statistics.median(ratios), 2),
        "lowest": round(min(ratios), 2),
        "highest": round(max(ratios), 2),
        "engine": ", ".join(sorted({pair[who]["engine"] for pair in pairs})) if what == "score" else "",
    }
    return line


if __name__ == "__main__":
    main()
