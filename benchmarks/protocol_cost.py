"""What exactly-once costs: the same model scores the same rows with the whole protocol, and in a plain loop.

`python -m benchmarks.protocol_cost [--rows 200000] [--pairs 3] [--family cnn]`: a night of simulated DNA is ingested
and checked once. Then, in turns in this one process: the road of `seqcls score` from there on (chunks with leases,
artefacts with digests and fsync, ledger, publication), and a loop that reads the same rows, makes the same columns with
the same Scorer and writes one Parquet file. The turns alternate who comes first, since the machine has other things to
do. Writes reliability.json. Exit code 1 when the protocol leaves less than 0.9 of the plain loop's rows a second,
or when the two did not write the same labels.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.record import record
from examples.simulate import dna
from seqcls.engines.scorer import open_scorer
from seqcls.ledger.chunks import list_inputs
from seqcls.ledger.models import list_models
from seqcls.ledger.stages import new_run_id
from seqcls.registry.versions import promote
from seqcls.road import finish_scoring, train_pipeline
from seqcls.scoring.score_table import score_rows, scores_schema
from seqcls.scoring.scoring_run import Prepared, discover_new, prepare_new, score_prepared
from seqcls.store.parquet import iterate, read_parquet, shards
from seqcls.workspace import Workspace, open_workspace

LEAST = 0.9
TRAINING_ROWS = 2_000
CONFIG = """
name = "night"
kind = "dna"
[source]
format = "csv"
files = ["train.csv"]
id = "id"
[model]
family = "{family}"
[train]
epochs = 1
threads = 1
[score]
files = ["night.csv"]
"""


class Took(NamedTuple):
    """By the clock, and of a processor: the second is less disturbed by what else the machine does."""

    seconds: float
    processor: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=3, help="turns of each of the two")
    parser.add_argument("--family", default="cnn", help="of the network; every other setting is the default")
    options = parser.parse_args()
    took: dict[str, list[Took]] = {"protocol": [], "plain": []}
    with tempfile.TemporaryDirectory() as name:
        config, prepared = prepare(Path(name) / "night", options.rows, options.family)
        for turn in range(options.pairs):
            copy = Path(shutil.copytree(config.parent, Path(name) / f"turn{turn}")) / config.name
            for how in ("protocol", "plain") if turn % 2 == 0 else ("plain", "protocol"):
                took[how].append(score_by_protocol(copy, prepared) if how == "protocol" else score_plainly(copy))
                print(f"turn {turn}, {how}: {took[how][-1]}", flush=True)
            different = count_different(copy)
            shutil.rmtree(copy.parent)
    figures = compare(took)
    wrong = {
        f"ratio under {LEAST}": sum(figures[name] < LEAST for name in ("ratio", "ratio_of_processor_time")),
        "rows with another label": different,
    }
    seconds = {how: [round(one.seconds, 2) for one in all_of_it] for how, all_of_it in took.items()}
    processor = {how: [round(one.processor, 2) for one in all_of_it] for how, all_of_it in took.items()}
    facts = {"times": options.rows, "seconds": seconds, "processor_seconds": processor, "wrong": wrong, "seed": 0}
    record("cost of the protocol", {"tried": tell(options.family, figures), **figures, **facts})
    return int(any(wrong.values()))


def compare(took: dict[str, list[Took]]) -> dict[str, float]:
    """Rows a second with the protocol as a share of the plain loop's: medians over the turns, and their range."""
    pairs = list(zip(took["protocol"], took["plain"], strict=True))
    by_clock = [plain.seconds / protocol.seconds for protocol, plain in pairs]
    of_processor = [plain.processor / protocol.processor for protocol, plain in pairs]
    return {
        "ratio": round(statistics.median(by_clock), 3),
        "ratio_of_processor_time": round(statistics.median(of_processor), 3),
        "ratio_least": round(min(by_clock), 3),
        "ratio_most": round(max(by_clock), 3),
    }


def tell(family: str, figures: dict[str, float]) -> str:
    """The line of the table: a wide range by the clock says that the machine was too busy to tell."""
    return (
        f"rows of a night of DNA scored ({family}) with leases, digests, fsync, ledger and publication, and in a plain "
        f"loop in the same run: {figures['ratio_of_processor_time']:.2f} of its rows in the same processor time; by "
        f"the clock {figures['ratio_least']:.2f} to {figures['ratio_most']:.2f}"
    )


def prepare(folder: Path, rows: int, family: str) -> tuple[Path, Prepared]:
    """A champion, and a night that is read and checked but not scored."""
    folder.mkdir()
    pyarrow.csv.write_csv(dna.generate(TRAINING_ROWS, seed=0), folder / "train.csv")
    night = dna.generate(rows, seed=1, prefix="n").drop_columns("label")
    pyarrow.csv.write_csv(night, folder / "night.csv")
    config = folder / "night.toml"
    config.write_text(CONFIG.format(family=family))
    with open_workspace(config) as workspace:
        train_pipeline(workspace)
        promote(workspace, list_models(workspace.ledger)[0], force=True, why="to be measured")
        prepared = prepare_new(workspace, discover_new(workspace))
        scorer = open_scorer(workspace, list_models(workspace.ledger)[0])
        first = next(iterate(checked_shards(workspace), rows=1_000))
        scorer.score(first)  # what is loaded at the first call is not a cost of either
    return config, prepared


def score_by_protocol(config: Path, prepared: Prepared) -> Took:
    """All that `seqcls score` does after the checks."""
    began = time.perf_counter(), time.process_time()
    with open_workspace(config) as workspace:
        run_id = new_run_id()
        finish_scoring(workspace, prepared, score_prepared(workspace, prepared, run_id), run_id)
    return Took(time.perf_counter() - began[0], time.process_time() - began[1])


def score_plainly(config: Path) -> Took:
    """A loop as one would write it in a notebook, with the same columns."""
    began = time.perf_counter(), time.process_time()
    with open_workspace(config) as workspace:
        scorer = open_scorer(workspace, list_models(workspace.ledger)[0])
        with pq.ParquetWriter(config.parent / "plain.parquet", scores_schema(scorer.labels)) as writer:
            for rows in iterate(checked_shards(workspace), rows=workspace.pipeline.score.chunk_rows):
                scores, _ = score_rows(rows, scorer, 0.0, "plain", datetime.now(UTC))
                writer.write_table(scores)
    return Took(time.perf_counter() - began[0], time.process_time() - began[1])


def checked_shards(workspace: Workspace) -> list[Path]:
    """The rows of the night, as the checks left them."""
    (night,) = list_inputs(workspace.ledger, workspace.pipeline.name)
    return shards(workspace.store.ref("checked", night.checked_digest).folder / "rows")


def count_different(config: Path) -> int:
    """Rows to which the two gave different labels, or that only one of them has."""
    files = sorted((config.parent / "scores").glob("model=*/*/*.parquet"))
    published = read_parquet(files, ["id", "label"]).sort_by("id")
    plain = read_parquet(config.parent / "plain.parquet", ["id", "label"]).sort_by("id")
    if not published["id"].equals(plain["id"]):
        return max(published.num_rows, plain.num_rows)
    pairs = zip(published["label"].to_pylist(), plain["label"].to_pylist(), strict=True)
    return sum(one != other for one, other in pairs)


if __name__ == "__main__":
    raise SystemExit(main())
