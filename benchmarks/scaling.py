"""Training and scoring, rows a second and peak memory, against rows, length and classes: one small network.

`python -m benchmarks.scaling [--points 5] [--threads N] [--only rows length classes] [--results FOLDER]` grows one of
the three at a time by fours, the others stay at those of the first point; training (one epoch) and scoring of each
point run in a process of their own, on an `encoded` artefact that another process wrote. Writes FOLDER/scaling.csv.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measured import RESULTS, Row, in_a_process, number, peak_mib, replace, stamp
from benchmarks.speed_ours import write_encoded
from seqcls.config.loading import parse_pipeline
from seqcls.encoders.spec import InputSpec
from seqcls.processors.allowed import processors
from seqcls.store.artefacts import ArtefactStore

START = {"rows": 1024, "length": 64, "classes": 4}
STEP = 4
VOCABULARY = 1000
MODEL = {"family": "cnn", "embedding": 32, "filters": [32, 64], "dropout": 0.0}
TRAIN = {"epochs": 1, "batch_size": 64, "weight_decay": 0.0}
SCORE_BATCH = 256
KEY = ("axis", "rows", "length", "classes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=5, help="of each axis; each is four times the one before")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--only", nargs="+", choices=START, default=list(START))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--run", nargs=2, metavar=("STORE", "DIGEST"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(train_and_score(Path(options.run[0]), options.run[1], options.threads)))
        return
    for axis in options.only:
        measured = [measure(axis, point, options.threads) for point in grid(axis, options.points)]
        replace(options.results / "scaling.csv", measured, KEY)
        for what in ("train", "score"):
            print(f"{axis}: time of {what} grows as {axis}^{exponent(measured, axis, what):.2f}", flush=True)


def grid(axis: str, points: int) -> list[dict[str, int]]:
    """One grows, the others stay."""
    return [START | {axis: START[axis] * STEP**place} for place in range(points)]


def measure(axis: str, point: dict[str, int], threads: int) -> Row:
    """Rows are written here, so that what writing them needs is no part of the peak."""
    with tempfile.TemporaryDirectory() as name:
        spec = InputSpec(form="tokens", max_length=point["length"], vocabulary=VOCABULARY)
        encoded = write_encoded(ArtefactStore(Path(name)), spec, point["classes"], point["rows"])
        arguments = ("--run", name, encoded.digest, "--threads", str(threads))
        found = json.loads(in_a_process("benchmarks.scaling", *arguments, threads=threads))
    row = {"axis": axis, **point, **found}
    print(row, flush=True)
    return {**row, **stamp(threads)}


def train_and_score(store_folder: Path, digest: str, threads: int) -> Row:
    """One epoch, then all test rows; a first small batch of each is not counted by the loop's own clock."""
    import torch

    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.models.package import load_model, predict_logits
    from seqcls.training.train import train

    torch.set_num_threads(threads)
    store = ArtefactStore(store_folder)
    encoded = store.ref("encoded", digest)
    source = {"format": "csv", "files": ["unused.csv"]}
    document = {"name": "scaling", "kind": "tokens", "source": source, "model": MODEL}
    result = train(encoded, parse_pipeline({**document, "train": TRAIN | {"threads": threads}}, "scaling.toml"), store)
    trained_peak = peak_mib()
    loaded, split = load_model(result.ref), EncodedSplit.open(encoded, "test")
    began = time.perf_counter()
    predict_logits(loaded, split, SCORE_BATCH)
    seconds = time.perf_counter() - began
    return {
        "train_rows_s": round(result.rows_per_second, 1),
        "score_rows_s": round(len(split) / seconds, 1),
        "train_peak_mib": round(trained_peak, 1),
        "peak_mib": round(peak_mib(), 1),
    }


def exponent(rows: list[Row], axis: str, what: str) -> float:
    """Slope of log seconds of the whole set over log of the axis: 1 is linear, 0 is "does not matter"."""
    if len(rows) < 2:
        return float("nan")
    sizes = np.array([number(row, axis) for row in rows], np.float64)
    count = np.array([number(row, "rows") for row in rows], np.float64)
    rates = np.array([number(row, f"{what}_rows_s") for row in rows], np.float64)
    return float(np.polyfit(np.log(sizes), np.log(count / rates), 1)[0])


if __name__ == "__main__":
    sys.exit(main())
