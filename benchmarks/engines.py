"""The founding document's three networks by every engine of scoring: `python -m benchmarks.engines [--threads N]`.

The race of `seqcls promote` on rows of full length and on networks after two epochs: an engine is judged by the answers
of the network, and with random weights nearly all of them are near ties. Prints the page of each race.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.network_rows import make_rows
from benchmarks.speed_ours import CASES, SCORE_BATCH, VALID, plain_pipeline, write_tables
from seqcls.store.artefacts import ArtefactStore

BATCH, EPOCHS = 32, 2


def main() -> None:
    import torch

    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.engines.race import MOST_ROWS, run_race
    from seqcls.engines.races import race_page
    from seqcls.models.package import load_model
    from seqcls.training.train import train

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rows", type=int, default=4096, help="to train on")
    options = parser.parse_args()
    for case, (_, classes, spec, _) in CASES.items():
        if case == "reviews":  # the network of `text`, and rows of full length are enough here
            continue
        counts = {"train": options.rows, "valid": VALID, "test": BATCH, "race": MOST_ROWS}
        tables = {name: make_rows(case, rows, seed).table() for seed, (name, rows) in enumerate(counts.items())}
        raced = EncodedSplit.from_arrow(tables.pop("race"), spec)
        with tempfile.TemporaryDirectory() as folder:
            store = ArtefactStore(Path(folder))
            pipeline = plain_pipeline(case, BATCH, EPOCHS, options.threads, "float32")
            loaded = load_model(train(write_tables(store, spec, classes, tables), pipeline, store).ref)
            torch.set_num_threads(options.threads)
            print(race_page(case, run_race(loaded, raced, SCORE_BATCH)), flush=True)


if __name__ == "__main__":
    main()
