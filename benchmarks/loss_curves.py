"""Training losses of the founding document's networks, epoch by epoch: ours, a plain PyTorch loop, Keras; same rows.

`python -m benchmarks.loss_curves [--rows 2048] [--epochs 6] [--seeds 0 1 2] [--keras PYTHON]` trains on simulated
reviews, ECGs and promoters at the document's settings (batch 32, Adam, rate 0.001, nothing else) and writes
benchmarks/results/loss_curves.csv: the mean loss over the rows of each epoch, for each seed. Rows are shuffled, and
weights drawn, by each library in its own way: curves are compared as means over seeds with their spread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measured import RESULTS, Row, replace, stamp
from benchmarks.network_rows import Rows, make_rows
from benchmarks.speed import BATCH
from benchmarks.speed_ours import CASES, plain_pipeline, write_tables
from seqcls.artefacts import ArtefactStore

HERE = Path(__file__).parent
VALID_SHARE = 8
OURS = {"seqcls": "float32", "seqcls, bfloat16": "bfloat16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=("reviews", "ecg", "dna"), default=["reviews", "ecg", "dna"])
    parser.add_argument("--keras", metavar="PYTHON", help="interpreter of an environment with tensorflow-cpu")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    peers = {"torch": [sys.executable, str(HERE / "peers" / "plain_torch.py")]}
    if options.keras:
        peers["keras"] = [options.keras, str(HERE / "peers" / "keras_networks.py")]
    for case in options.cases:
        rows = make_rows(case, options.rows)
        for seed in options.seeds:
            losses = {who: ours(case, rows, options.epochs, options.threads, seed, precision)
                      for who, precision in OURS.items()}  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rows.npz"
                rows.write(path, CASES[case][2].max_length)
                asked = [case, str(path), *map(str, (BATCH, options.epochs, options.threads))]
                losses |= {name: of_peer([*command, *asked], seed) for name, command in peers.items()}
            found: list[Row] = [
                {"case": case, "who": who, "seed": seed, "rows": len(rows),
                 "losses": json.dumps([round(loss, 4) for loss in each]), **stamp(options.threads)}
                for who, each in losses.items()
            ]  # fmt: skip
            replace(options.results / "loss_curves.csv", found, ("case", "who", "seed"))
            print(case, seed, {who: [round(loss, 3) for loss in each] for who, each in losses.items()}, flush=True)


def ours(case: str, rows: Rows, epochs: int, threads: int, seed: int, precision: str) -> list[float]:
    """`train` with everything off that the document does not have; a few rows more are its validation."""
    from seqcls.training.train import train

    _, classes, spec, _ = CASES[case]
    pipeline = plain_pipeline(case, BATCH, epochs, threads, precision, seed)
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        table = rows.table()
        tables = {"train": table, "valid": table.slice(0, len(rows) // VALID_SHARE), "test": table.slice(0, 0)}
        result = train(write_tables(store, spec, classes, tables), pipeline, store)
        return [epoch["train_loss"] for epoch in json.loads((result.ref.folder / "history.json").read_bytes())]


def of_peer(command: list[str], seed: int) -> list[float]:
    done = subprocess.run([*command, str(seed)], check=True, stdout=subprocess.PIPE, text=True)
    losses: list[float] = json.loads(done.stdout.splitlines()[-1])["losses"]
    return losses


if __name__ == "__main__":
    main()
