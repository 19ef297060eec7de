"""Training losses of the founding document's networks, epoch by epoch: ours, a plain PyTorch loop, Keras; same rows.

`python -m benchmarks.loss_curves [--rows 4096] [--epochs 6] [--seeds 0 1 2] [--keras PYTHON]` trains on simulated
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
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.measured import RESULTS, Row, replace, stamp
from benchmarks.speed import BATCH
from benchmarks.speed_ours import CASES, write_tables
from seqcls.artefacts import ArtefactStore
from seqcls.config.pipeline import parse_pipeline
from seqcls.simulate import dna, ecg, reviews

HERE = Path(__file__).parent
VALID_SHARE = 8
Arrays = tuple[list[npt.NDArray[np.float32]] | list[npt.NDArray[np.int32]], npt.NDArray[np.int64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4096)
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
        sequences, labels = ROWS[case](options.rows)
        for seed in options.seeds:
            losses = {"seqcls": ours(case, sequences, labels, options.epochs, options.threads, seed)}
            sizes = [case, *map(str, (options.rows, BATCH, options.epochs, options.threads))]
            losses |= {name: of_peer([*command, *sizes], case, sequences, labels, seed)
                       for name, command in peers.items()}  # fmt: skip
            rows: list[Row] = [
                {"case": case, "who": who, "seed": seed, "rows": len(labels),
                 "losses": json.dumps([round(loss, 4) for loss in found]), **stamp(options.threads)}
                for who, found in losses.items()
            ]  # fmt: skip
            replace(options.results / "loss_curves.csv", rows, ("case", "who", "seed"))
            print(case, seed, {who: [round(loss, 3) for loss in found] for who, found in losses.items()}, flush=True)


def ours(case: str, sequences: list[npt.NDArray[np.float32]], labels: npt.NDArray[np.int64], epochs: int, threads: int,
         seed: int) -> list[float]:  # fmt: skip
    """`train` with everything off that the document does not have; a few rows more are its validation."""
    from seqcls.training.train import train

    kind, classes, spec, model = CASES[case]
    settings = {"epochs": epochs, "patience": epochs, "batch_size": BATCH, "threads": threads, "weight_decay": 0.0}
    pipeline = parse_pipeline(
        {"name": "losses", "kind": kind, "seed": seed, "source": {"format": "csv", "files": ["unused.csv"]},
         "model": {"dropout": 0.0, **model}, "train": settings | {"schedule": "constant", "warmup": 0.0}},
        "losses.toml",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        table = encoded_table(sequences, labels)
        tables = {"train": table, "valid": table.slice(0, len(labels) // VALID_SHARE), "test": table.slice(0, 0)}
        result = train(write_tables(store, spec, classes, tables), pipeline, store)
        return [epoch["train_loss"] for epoch in json.loads((result.ref.folder / "history.json").read_bytes())]


def of_peer(
    command: list[str], case: str, sequences: list[npt.NDArray[np.float32]], labels: npt.NDArray[np.int64], seed: int
) -> list[float]:
    """The same rows, padded on the left to the length that the document's network reads."""
    width = CASES[case][2].max_length
    x = np.zeros((len(labels), width), np.float32 if case == "ecg" else np.int64)
    for row, sequence in enumerate(sequences):
        x[row, width - len(sequence) :] = sequence
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, x=x, y=labels)
        done = subprocess.run([*command, str(path), str(seed)], check=True, stdout=subprocess.PIPE, text=True)
    losses: list[float] = json.loads(done.stdout.splitlines()[-1])
    return losses


def encoded_table(sequences: list[npt.NDArray[np.float32]], labels: npt.NDArray[np.int64]) -> pa.Table:
    """The columns of encoded Parquet."""
    offsets = pa.array(np.concatenate([[0], np.cumsum([len(one) for one in sequences])]).astype(np.int32))
    return pa.table(
        {
            "id": pa.array([f"row-{number}" for number in range(len(labels))]),
            "label": pa.array(labels.astype(np.int32)),
            "sequence": pa.ListArray.from_arrays(offsets, pa.array(np.concatenate(sequences))),
            "truncated": pa.array(np.zeros(len(labels), dtype=bool)),
            "unknown": pa.array(np.zeros(len(labels), dtype=np.int32)),
        }
    )


def codes(labels: list[str]) -> npt.NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def review_rows(rows: int) -> Arrays:
    """The 9,998 most frequent words by their rank; others are one unknown word."""
    found = reviews.generate(rows, 0)
    words = [text.lower().split()[:100] for text in found["review"].to_pylist()]
    common = Counter(word for text in words for word in text).most_common(9_998)
    rank = {word: number for number, (word, _) in enumerate(common, start=2)}
    return [np.array([rank.get(word, 1) for word in text], np.int32) for text in words], codes(
        found["sentiment"].to_pylist()
    )


def ecg_rows(rows: int) -> Arrays:
    """Each series at mean 0 and deviation 1."""
    found = ecg.generate(rows, 0)
    values = np.stack([found[f"v{point}"].to_numpy() for point in range(ecg.POINTS)], axis=1)
    scaled = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    return list(scaled.astype(np.float32)), codes(found["rhythm"].to_pylist())


def dna_rows(rows: int) -> Arrays:
    """A, C, G, T by number; any other letter as A."""
    found = dna.generate(rows, 0)
    letters = {"A": 1, "C": 2, "G": 3, "T": 4}
    sequences = [np.array([letters.get(base, 1) for base in one.upper()], np.int32)
                 for one in found["sequence"].to_pylist()]  # fmt: skip
    return sequences, codes(found["label"].to_pylist())


ROWS = {"reviews": review_rows, "ecg": ecg_rows, "dna": dna_rows}

if __name__ == "__main__":
    main()
