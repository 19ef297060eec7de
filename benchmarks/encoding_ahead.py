"""What encoding ahead is worth in scoring: the same nights with it and without it, in turns.

`python -m benchmarks.encoding_ahead [--rows 60000] [--pairs 5] [--threads N] [--only text-torch] [--results FOLDER]`:
for each case a night of simulated DNA or reviews is ingested and checked; then what `seqcls score` does from there on
runs in one process, with the next batches encoded in a thread and with all of them at their turn (scoring itself goes
by the room that the engine says it leaves). The turns alternate who comes first. Each case is measured with one thread,
which leaves the other processors free, and with --threads. Writes FOLDER/encoding_ahead.csv: seconds, their ratio, and
what share of the scorer's processor time is encoding: more than that cannot be won. Ends with an error when the two did
not write the same labels.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pyarrow.csv
import torch

from benchmarks.measured import RESULTS, Row, in_a_process, replace, stamp
from benchmarks.protocol_cost import Took, checked_shards, score_by_protocol
from examples.simulate import dna, reviews
from seqcls.engines.openvino_engine import OpenVinoEngine
from seqcls.engines.scorer import open_scorer
from seqcls.engines.torch_engine import TorchEngine
from seqcls.ledger.models import list_models
from seqcls.processors.allowed import processors
from seqcls.registry.versions import promote
from seqcls.road import train_pipeline
from seqcls.scoring.scoring_run import Prepared, discover_new, prepare_new
from seqcls.store.parquet import iterate, read_parquet
from seqcls.workspace import open_workspace

TRAINING_ROWS = 2_000
CHUNKS = 3
CONFIG = """
name = "night"
kind = "{kind}"
[source]
format = "csv"
files = ["train.csv"]
id = "id"
sequence = "sequence"
[encode]
unit = "{unit}"
[model]
family = "cnn"
[train]
epochs = 1
threads = {threads}
[score]
files = ["night.csv"]
chunk_rows = {chunk_rows}
engine = "{engine}"
"""


HOW = {"ahead": True, "in turn": False}
"""Whether every engine says that it leaves room."""


class Case(NamedTuple):
    """What is scored, how it is encoded, and by which engine."""

    kind: str
    unit: str
    engine: str


CASES = {
    "text-torch": Case("text", "words", "torch"),
    "text-openvino": Case("text", "words", "openvino"),
    "bpe-torch": Case("text", "bpe", "torch"),
    "dna-torch": Case("dna", "residues", "torch"),
    "dna-openvino": Case("dna", "residues", "openvino"),
}
KEY = ("case", "threads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--pairs", type=int, default=5, help="turns of each of the two")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(CASES[options.case], options.rows, options.pairs, options.threads)))
        return
    for name in options.only:
        for threads in sorted({1, options.threads}):
            arguments = ["--case", name, "--rows", options.rows, "--pairs", options.pairs, "--threads", threads]
            found = in_a_process("benchmarks.encoding_ahead", *map(str, arguments), threads=threads)
            row = {"case": name, "rows": options.rows, **json.loads(found)}
            print(row, flush=True)
            replace(options.results / "encoding_ahead.csv", [{**row, **stamp(threads)}], KEY)


def measure(case: Case, rows: int, pairs: int, threads: int) -> Row:
    """Both ways, in turns."""
    took: dict[str, list[Took]] = {name: [] for name in HOW}
    with tempfile.TemporaryDirectory() as name:
        config, prepared = prepare(Path(name) / "night", case, rows, threads)
        torch.set_num_threads(threads)
        share = share_ahead(config)
        for turn in range(pairs):
            order = list(HOW) if turn % 2 == 0 else list(reversed(HOW))
            labels = {how: score(config, prepared, how, took[how]) for how in order}
            if labels["ahead"] != labels["in turn"]:
                sys.exit(f"{case}: other labels with encoding ahead than without")
    return {**case._asdict(), "encoding_share": round(share, 4), **summary(took)}


def summary(took: dict[str, list[Took]]) -> Row:
    """Medians; a ratio above 1: ahead is the faster one."""
    ratios = [one.seconds / other.seconds for one, other in zip(took["in turn"], took["ahead"], strict=True)]
    return {
        "pairs": len(ratios),
        "in_turn_s": round(statistics.median(one.seconds for one in took["in turn"]), 3),
        "ahead_s": round(statistics.median(one.seconds for one in took["ahead"]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
    }


def prepare(folder: Path, case: Case, rows: int, threads: int) -> tuple[Path, Prepared]:
    """A champion, and a night that is read and checked but not scored."""
    folder.mkdir()
    for name, count, seed in (("train", TRAINING_ROWS, 0), ("night", rows, 1)):
        found = dna.generate(count, seed) if case.kind == "dna" else reviews.generate(count, seed)
        if case.kind == "text":
            found = found.rename_columns({"review": "sequence", "sentiment": "label"})
        kept = ["id", "sequence", "label"] if name == "train" else ["id", "sequence"]
        pyarrow.csv.write_csv(found.select(kept), folder / f"{name}.csv")
    config = folder / "night.toml"
    config.write_text(CONFIG.format(**case._asdict(), chunk_rows=max(rows // CHUNKS, 1), threads=threads))
    with open_workspace(config) as workspace:
        train_pipeline(workspace)
        promote(workspace, list_models(workspace.ledger)[0], force=True, why="to be measured")
        return config, prepare_new(workspace, discover_new(workspace))


def share_ahead(config: Path) -> float:
    """Processor time of reading and encoding by that of scoring, for the first chunk of the night."""
    with open_workspace(config) as workspace:
        scorer = open_scorer(workspace, list_models(workspace.ledger)[0])
        read = iterate(checked_shards(workspace), rows=workspace.pipeline.score.chunk_rows)
        scorer.score(next(read).slice(0, 500))  # what is loaded at the first call is no cost of a row
        began = time.process_time()
        rows = next(read)
        scorer.encoder.encode(rows["sequence"].combine_chunks())
        ahead_of_it = time.process_time() - began
        scorer.score(rows)
        return ahead_of_it / (time.process_time() - began - ahead_of_it)


def score(config: Path, prepared: Prepared, how: str, took: list[Took]) -> list[tuple[str, str]]:
    """A copy of the night is scored; (id, label) of its rows."""
    copy = Path(shutil.copytree(config.parent, config.parent.with_name("turn"))) / config.name
    with contextlib.ExitStack() as stack:
        for engine in (TorchEngine, OpenVinoEngine):
            stack.enter_context(mock.patch.object(engine, "leaves_room", HOW[how]))
        took.append(score_by_protocol(copy, prepared))
    files = sorted((copy.parent / "scores").glob("model=*/*/*.parquet"))
    table = read_parquet(files, ["id", "label"]).sort_by("id")
    shutil.rmtree(copy.parent)
    return list(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))


if __name__ == "__main__":
    main()
