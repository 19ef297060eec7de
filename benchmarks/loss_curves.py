"""Losses of the founding document's networks, epoch by epoch: ours, a plain PyTorch loop, Keras; on the same rows.

`python -m benchmarks.loss_curves [--rows 2048] [--epochs 6] [--seeds 0 1 ... 7] [--keras PYTHON]` trains on simulated
reviews, ECGs and promoters at the document's settings (batch 32, Adam, rate 0.001, nothing else) and writes
benchmarks/results/loss_curves.csv, for each seed: the mean loss over the rows of each epoch while they are learnt, and
after it that of a quarter as many rows that are not. Rows are shuffled, and weights drawn, by each library in its own
way: curves are compared as means over seeds with their spread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.measured import RESULTS, Row, peer_environment, replace, stamp
from benchmarks.network_rows import Rows, make_rows
from benchmarks.speed import BATCH
from benchmarks.speed_ours import CASES, plain_pipeline, write_tables
from seqcls.store.artefacts import ArtefactStore

HERE = Path(__file__).parent
HELD_SHARE = 4
OURS = {"seqcls": "float32", "seqcls, bfloat16": "bfloat16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(8)])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="+", choices=("reviews", "ecg", "dna"), default=["reviews", "ecg", "dna"])
    parser.add_argument("--keras", metavar="PYTHON", help="interpreter of an environment with tensorflow-cpu")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    peers = {"torch": [sys.executable, str(HERE / "peers" / "plain_torch.py")]}
    if options.keras:
        peers["keras"] = [options.keras, str(HERE / "peers" / "keras_networks.py")]
    for case in options.cases:
        rows, held = make_rows(case, options.rows + options.rows // HELD_SHARE).first(options.rows)
        for seed in options.seeds:
            curves = {who: ours(case, rows, held, options.epochs, options.threads, seed, precision)
                      for who, precision in OURS.items()}  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rows.npz"
                rows.write(path, CASES[case][2].max_length, held)
                asked = [case, str(path), *map(str, (BATCH, options.epochs, options.threads))]
                curves |= {name: of_peer([*command, *asked], seed) for name, command in peers.items()}
            found: list[Row] = [
                {"case": case, "who": who, "seed": seed, "rows": len(rows), "losses": json.dumps(curve.learnt),
                 "held_losses": json.dumps(curve.held), **stamp(options.threads)}
                for who, curve in curves.items()
            ]  # fmt: skip
            replace(options.results / "loss_curves.csv", found, ("case", "who", "seed"))
            print(case, seed, {who: (curve.learnt[-1], curve.held[-1]) for who, curve in curves.items()}, flush=True)


class Curves(NamedTuple):
    """Mean losses, an epoch each: of the rows that are learnt, of those that are not."""

    learnt: list[float]
    held: list[float]

    @staticmethod
    def of(learnt: list[float], held: list[float]) -> Curves:
        assert len(learnt) == len(held), "one of each an epoch"
        return Curves(*([round(loss, 4) for loss in losses] for losses in (learnt, held)))


def ours(case: str, rows: Rows, held: Rows, epochs: int, threads: int, seed: int, precision: str) -> Curves:
    """`train` with everything off that the document does not have; the rows held out are its validation."""
    from seqcls.training.train import train

    _, classes, spec, _ = CASES[case]
    pipeline = plain_pipeline(case, BATCH, epochs, threads, precision, seed)
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        tables = {"train": rows.table(), "valid": held.table(), "test": held.table().slice(0, 0)}
        result = train(write_tables(store, spec, classes, tables), pipeline, store)
        history = json.loads((result.ref.folder / "history.json").read_bytes())
        return Curves.of(*([epoch[name] for epoch in history] for name in ("train_loss", "valid_loss")))


def of_peer(command: list[str], seed: int) -> Curves:
    surroundings = peer_environment()
    done = subprocess.run([*command, str(seed)], env=surroundings, check=True, stdout=subprocess.PIPE, text=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return Curves.of(said["losses"], said["held_losses"])


if __name__ == "__main__":
    main()
