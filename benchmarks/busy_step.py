"""Training and scoring rows a second of the ECG network by PyTorch, once: the part of `benchmarks.busy` that is ours.

usage: python -m benchmarks.busy_step DATA BATCH EPOCHS THREADS. Prints the same JSON line as the peers. There is no
race of engines: what is measured is how PyTorch's threads wait.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.network_rows import Rows, make_rows
from benchmarks.speed_ours import CASES, SCORE_BATCH, plain_pipeline, write_tables
from seqcls.store.artefacts import ArtefactStore

CASE = "ecg"


def main() -> None:
    import torch

    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.engines.deferral import run_engine
    from seqcls.engines.registry import ENGINES, REFERENCE
    from seqcls.models.package import load_model
    from seqcls.training.train import train

    data, batch, epochs, threads = sys.argv[1], *map(int, sys.argv[2:5])
    _, classes, spec, _ = CASES[CASE]
    rows, valid = Rows.read(Path(data)).table(), make_rows(CASE, 64, seed=1).table()
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        few = {"train": rows.slice(0, 4 * batch), "valid": valid, "test": valid}  # to warm up, as the peers do
        train(write_tables(store, spec, classes, few), plain_pipeline(CASE, batch, 1, threads, "float32"), store)
        encoded = write_tables(store, spec, classes, {"train": rows, "valid": valid, "test": rows})
        trained = train(encoded, plain_pipeline(CASE, batch, epochs, threads, "float32"), store)
        torch.set_num_threads(threads)
        loaded, split = load_model(trained.ref), EncodedSplit.open(encoded, "test")
        engine = ENGINES[REFERENCE](loaded)
        run_engine(engine, loaded, split.take(split.labels[:SCORE_BATCH] * 0), SCORE_BATCH)
        began = time.perf_counter()
        for _ in range(epochs):
            run_engine(engine, loaded, split, SCORE_BATCH)
        scored = epochs * len(split) / (time.perf_counter() - began)
    print(json.dumps({"train": trained.rows_per_second, "score": scored}))


if __name__ == "__main__":
    main()
