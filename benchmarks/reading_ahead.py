"""What reading and encoding a chunk ahead is worth in scoring: the same nights with it and without it, in turns.

`python -m benchmarks.reading_ahead [--kind text] [--rows 20000] [--chunk-rows 5000] [--pairs 5] [--family cnn]
[--engine torch] [--unit bpe] [--threads 1]`: a night of simulated DNA or reviews is ingested and checked; then what
`seqcls score` does from there on runs in this process, with the next chunk read and encoded in a thread (as it is) and
with each chunk read at its turn. The turns alternate who comes first. Prints the seconds and the ratios, and what share
of the scorer's processor time is reading and encoding: more than that cannot be won. Exit code 1 when the two did not
write the same labels.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from unittest import mock

import pyarrow.csv
import torch

from benchmarks.protocol_cost import Took, checked_shards, score_by_protocol
from seqcls.ledger.models import list_models
from seqcls.parquet import iterate, read_parquet
from seqcls.registry.versions import promote
from seqcls.road import train_pipeline
from seqcls.scorer import Scorer, open_scorer
from seqcls.scoring.ahead import Chunk, ChunksAhead, Numbered
from seqcls.scoring.nightly import Prepared, discover_new, prepare_new
from seqcls.simulate import dna, reviews
from seqcls.workspace import open_workspace

TRAINING_ROWS = 2_000
CONFIG = """
name = "night"
kind = "{kind}"
[source]
format = "csv"
files = ["train.csv"]
id = "id"
sequence = "sequence"
[encode]
{unit}
[model]
family = "{family}"
[train]
epochs = 1
threads = {threads}
[score]
files = ["night.csv"]
chunk_rows = {chunk_rows}
engine = "{engine}"
"""


class NothingAhead:
    """Each chunk is read at its turn, and encoded when it is scored."""

    def __init__(self, found: Iterator[Numbered]) -> None:
        self._found = found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Iterator[Chunk]:
        return (Chunk(number, rows, None, None) for number, rows in self._found)

    def encode_next(self, scorer: Scorer) -> None:
        pass


HOW = {"ahead": ChunksAhead, "in turn": NothingAhead}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("dna", "text"), default="text")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--chunk-rows", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=5, help="turns of each of the two")
    parser.add_argument("--family", default="cnn")
    parser.add_argument("--engine", default="torch", help="as score.engine")
    parser.add_argument("--unit", help="as encode.unit")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    took: dict[str, list[Took]] = {name: [] for name in HOW}
    different = 0
    with tempfile.TemporaryDirectory() as name:
        config, prepared = prepare(Path(name) / "night", options)
        torch.set_num_threads(options.threads)
        share = share_ahead(config)
        for turn in range(options.pairs):
            order = list(HOW) if turn % 2 == 0 else list(reversed(HOW))
            labels = {how: score(config, prepared, how, took[how]) for how in order}
            different += labels["ahead"] != labels["in turn"]
    print(tell(took, share, options), flush=True)
    return int(different > 0)


def prepare(folder: Path, options: argparse.Namespace) -> tuple[Path, Prepared]:
    """A champion, and a night that is read and checked but not scored."""
    folder.mkdir()
    for name, rows, seed in (("train", TRAINING_ROWS, 0), ("night", options.rows, 1)):
        table = dna.generate(rows, seed) if options.kind == "dna" else reviews.generate(rows, seed)
        table = table.rename_columns({"review": "sequence", "sentiment": "label"}) if options.kind == "text" else table
        kept = ["id", "sequence", "label"] if name == "train" else ["id", "sequence"]
        pyarrow.csv.write_csv(table.select(kept), folder / f"{name}.csv")
    config = folder / "night.toml"
    unit = f'unit = "{options.unit}"' if options.unit else ""
    config.write_text(CONFIG.format(**{**vars(options), "unit": unit}))
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
        encoded = scorer.encode(rows)
        ahead = time.process_time()
        scorer.score(rows, encoded)
        return (ahead - began) / (time.process_time() - began)


def score(config: Path, prepared: Prepared, how: str, took: list[Took]) -> list[tuple[str, str]]:
    """A copy of the night is scored; (id, label) of its rows."""
    copy = Path(shutil.copytree(config.parent, config.parent.with_name("turn"))) / config.name
    with mock.patch("seqcls.scoring.chunks.ChunksAhead", HOW[how]):
        took.append(score_by_protocol(copy, prepared))
    files = sorted((copy.parent / "scores").glob("model=*/*/*.parquet"))
    table = read_parquet(files, ["id", "label"]).sort_by("id")
    shutil.rmtree(copy.parent)
    return list(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))


def tell(took: dict[str, list[Took]], share: float, options: argparse.Namespace) -> str:
    """One line: above 1, what is read ahead is the faster one."""
    pairs = list(zip(took["in turn"], took["ahead"], strict=True))
    clock = [one.seconds / other.seconds for one, other in pairs]
    processor = [one.processor / other.processor for one, other in pairs]
    what = f"{options.kind} {options.unit or ''}, {options.family}, {options.engine}, {options.threads} threads"
    return (
        f"{what}, {options.rows} rows in chunks of {options.chunk_rows}, {len(pairs)} pairs: reading and encoding are "
        f"{share:.1%} of the processor time; seconds in turn by seconds ahead {statistics.median(clock):.3f} "
        f"({min(clock):.3f} to {max(clock):.3f}), of the processor {statistics.median(processor):.3f} "
        f"({min(processor):.3f} to {max(processor):.3f})"
    )


if __name__ == "__main__":
    raise SystemExit(main())
