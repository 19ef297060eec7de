"""The founding document's three networks as seqcls trains and scores them: the other half of `benchmarks.speed`.

usage: python -m benchmarks.speed_ours PRECISION CASE DATA BATCH EPOCHS THREADS   (CASE: text | reviews | ecg | dna)
The rows are an `encoded` artefact on disk, trained by `train` (validation, checkpoints and progress as ever) and scored
by the engine that the race chooses, as scoring runs are: rows with something to learn, since an engine is judged by the
answers of the network. The race has as many rows as it takes, where training validates on fewer: among 512 a single
other label would be more than the 0.1 % that an engine may change. Prints the same JSON line as the peers.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.network_rows import Rows, make_rows
from seqcls.config.loading import parse_pipeline
from seqcls.config.pipeline import Pipeline
from seqcls.encoders.spec import InputSpec
from seqcls.store.artefacts import ArtefactStore, Ref, write_json
from seqcls.store.parquet import write_parquet

CASES: dict[str, tuple[str, int, InputSpec, dict[str, Any]]] = {
    "text": (
        "tokens",
        3,
        InputSpec(form="tokens", max_length=100, vocabulary=10_000),
        {"family": "lstm", "embedding": 128, "width": 128},
    ),
    "ecg": (
        "series",
        5,
        InputSpec(form="values", max_length=500, channels=1),
        {"family": "cnn", "filters": [32, 64], "padding": "valid", "pooling": "flatten", "dense": 128},
    ),
    "dna": (
        "tokens",
        4,
        InputSpec(form="tokens", max_length=150, vocabulary=5),
        {"family": "gru", "embedding": 32, "width": 64},
    ),
}
CASES["reviews"] = CASES["text"]
SCORE_BATCH = 256
SHARD = 4096
VALID = 512


def random_rows(spec: InputSpec, rows: int, classes: int, seed: int) -> pa.Table:
    """Rows of full length without anything to learn."""
    random, shape = np.random.default_rng(seed), (rows, spec.max_length)
    if spec.form == "tokens":
        sequences = list(random.integers(1, spec.vocabulary, shape).astype(np.int32))
    else:
        sequences = list(random.random(shape).astype(np.float32))
    return Rows(sequences, random.integers(0, classes, rows)).table()


def write_encoded(store: ArtefactStore, spec: InputSpec, classes: int, rows: int) -> Ref:
    counts = {"train": rows, "valid": VALID, "test": rows}
    tables = {name: random_rows(spec, count, classes, seed) for seed, (name, count) in enumerate(counts.items())}
    return write_tables(store, spec, classes, tables)


def write_tables(store: ArtefactStore, spec: InputSpec, classes: int, tables: dict[str, pa.Table]) -> Ref:
    """An `encoded` artefact of three splits, in shards."""
    with store.write("encoded") as draft:
        for name, table in tables.items():
            (draft.folder / name).mkdir()
            for number, start in enumerate(range(0, max(table.num_rows, 1), SHARD)):
                write_parquet(draft.folder / name / f"part-{number:05d}.parquet", table.slice(start, SHARD))
        labels = [str(number) for number in range(classes)]
        write_json(draft.folder / "encoder.json", {"labels": labels, "inputs": spec.model_dump(mode="json")})
    return draft.ref


def plain_pipeline(case: str, batch: int, epochs: int, threads: int, precision: str, seed: int = 0) -> Pipeline:
    """The document's settings: Adam at 0.001, and everything off that the document does not have."""
    import torch

    from seqcls.models.instructions import lacks_bf16

    if precision == "bfloat16" and (why := lacks_bf16(torch.device("cpu"))):
        raise SystemExit(f"no figures for bfloat16: {why}")  # it would be trained in float32
    kind, _, _, model = CASES[case]
    train = {"batch_size": batch, "epochs": epochs, "patience": epochs, "threads": threads, "precision": precision}
    off = {"weight_decay": 0.0, "schedule": "constant", "warmup": 0.0, "clip": 0.0}
    return parse_pipeline(
        {"name": "plain", "kind": kind, "seed": seed, "source": {"format": "csv", "files": ["unused.csv"]},
         "model": {"dropout": 0.0, **model}, "train": train | off},
        "plain.toml",
    )  # fmt: skip


def main() -> None:
    import torch

    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.engines.deferral import Deferral, run_engine
    from seqcls.engines.race import MOST_ROWS, run_race
    from seqcls.engines.registry import ENGINES, REFERENCE
    from seqcls.models.package import load_model
    from seqcls.training.train import train

    precision, case, data = sys.argv[1:4]
    batch, epochs, threads = map(int, sys.argv[4:7])
    _, classes, spec, _ = CASES[case]
    pipeline = plain_pipeline(case, batch, epochs, threads, precision)
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        rows = Rows.read(Path(data)).table()
        tables = {"train": rows, "valid": make_rows(case, VALID, seed=1).table(), "test": rows}
        encoded = write_tables(store, spec, classes, tables)
        few = {name: table.slice(0, 4 * batch) for name, table in tables.items()}
        warm = plain_pipeline(case, batch, 1, threads, precision)
        train(write_tables(store, spec, classes, few), warm, store)  # thrown away; the peers warm up on as many rows
        result = train(encoded, pipeline, store)
        history = json.loads((result.ref.folder / "history.json").read_bytes())
        torch.set_num_threads(threads)
        loaded = load_model(result.ref)
        split = EncodedSplit.open(encoded, "test")
        raced = EncodedSplit.from_arrow(make_rows(case, MOST_ROWS, seed=2).table(), spec)
        race = run_race(loaded, raced, SCORE_BATCH)
        engine = ENGINES[race.chosen](loaded)
        deferral = Deferral(ENGINES[REFERENCE](loaded), race.margin) if race.margin else None
        for _ in range(2):
            began = time.perf_counter()
            run_engine(engine, loaded, split, SCORE_BATCH, deferral)
            scored = len(split) / (time.perf_counter() - began)
    print(json.dumps({"train": result.rows_per_second, "score": scored, "engine": race.chosen,
                      "losses": [epoch["train_loss"] for epoch in history]}))  # fmt: skip


if __name__ == "__main__":
    main()
