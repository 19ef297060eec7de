"""The n-gram family beside fastText: the same rows of five sets of text, pair after pair in one run.

`python -m benchmarks.fast_text --fasttext PYTHON [--pairs 3] [--only NAME ...] [--threads N] [--results FOLDER]`.
PYTHON is that of the environment that `benchmarks.environments` makes. fastText gets lower-case words of the training
and validation rows, and its tutorial's settings; ours the training rows as they are (validation chooses its penalty)
and default settings. Seconds of training are those of our train stage, from encoded rows to a written model, and of
fastText's `train_supervised`, from a file to a model in memory. Scoring is from raw text to labels in both. Writes
FOLDER/fast_text.csv. Accuracy is that of the test rows, which both see once a pair, and that of the validation rows
with fastText trained on the training rows alone: both have learnt the same rows, but ours has chosen its penalty there.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from benchmarks.measured import RESULTS, Row, peer_environment, replace, stamp
from benchmarks.runs import CONFIGS, Changes, open_variant
from seqcls.processors.allowed import processors

SETS = ("sst3", "text-mr", "trec", "sms-spam", "tweeteval-emoji")
CHILD = Path(__file__).parent / "peers" / "fasttext_text.py"
SCORE_BATCH = 256
PARTS = {"all": {"train", "valid"}, "test": {"test"}, "train": {"train"}, "valid": {"valid"}}
"""Files for fastText, and the splits in each: two to train on, each with the one to answer behind it."""
Measured = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fasttext", required=True, metavar="PYTHON", help="an interpreter with fasttext-wheel")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SETS, default=SETS, metavar="NAME")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    for name in options.only:
        row = {**compare(name, options.pairs, options.threads, options.fasttext), **stamp(options.threads)}
        replace(options.results / "fast_text.csv", [row], ("set", "threads"))
        print({part: row[part] for part in list(row)[:12]}, flush=True)
    return 0


def settings(threads: int) -> Changes:
    """The family with its defaults, encodings included."""
    return {"model": {"family": "ngrams"}, "train": {"threads": threads}, "encode": {}}


def compare(name: str, pairs: int, threads: int, fasttext: str) -> Row:
    """One set."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{part}.txt" for part in PARTS]
        write_lines(name, threads, Path(folder), files)
        ours, theirs = [], []
        for turn in range(pairs):
            if turn % 2 == 0:
                ours.append(train_and_score(name, threads))
            theirs.append(ask_fasttext([fasttext, str(CHILD)], files[:2], threads))
            theirs[-1]["valid"] = ask_fasttext([fasttext, str(CHILD)], files[2:], threads)["accuracy"]
            if turn % 2:
                ours.append(train_and_score(name, threads))
    return summary(name, ours, theirs)


def ask_fasttext(command: list[str], files: list[Path], threads: int) -> Measured:
    """Train on the first file, answer the second."""
    said = subprocess.run(
        [*command, *map(str, files), str(threads)],
        env=peer_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    measured: Measured = json.loads(said.stdout.splitlines()[-1])
    return measured


def summary(name: str, ours: list[Measured], theirs: list[Measured]) -> Row:
    """Medians, and the median of the ratios of each pair: above 1, ours is the faster one."""
    both = list(zip(ours, theirs, strict=True))
    row: Row = {"set": name, "pairs": len(both)}
    for who, runs in (("seqcls", ours), ("fasttext", theirs)):
        row |= {
            f"{who}_accuracy": round(statistics.median(run["accuracy"] for run in runs), 5),
            f"{who}_valid": round(statistics.median(run["valid"] for run in runs), 5),
            f"{who}_train_seconds": round(statistics.median(run["train_seconds"] for run in runs), 3),
            f"{who}_train_cpu": round(statistics.median(run["train_cpu"] for run in runs), 3),
            f"{who}_score_rows_s": round(statistics.median(run["score"] for run in runs)),
        }
    row["train_ratio"] = round(statistics.median(b["train_seconds"] / a["train_seconds"] for a, b in both), 3)
    row["score_ratio"] = round(statistics.median(a["score"] / b["score"] for a, b in both), 3)
    row["fasttext"] = theirs[0]["version"]
    return row


def write_lines(name: str, threads: int, folder: Path, files: list[Path]) -> None:
    """The checked rows as fastText reads them: classes as numbers, words in lower case, in a random order.

    fastText takes its steps in the order of the file: with one class behind the other it learns only the last.
    """
    from seqcls import stages
    from seqcls.store.parquet import read_parquet, shards

    with open_variant(CONFIGS / f"{name}.toml", settings(threads), folder) as workspace:
        _, checked, splits = (result.ref for result in stages.run_until(workspace, stages.SPLIT))
        rows = read_parquet(shards(checked.folder / "rows"), ["sequence", "label"])
        names = read_parquet(splits.folder / "splits.parquet")["split"].cast(pa.string()).to_pylist()
    codes = {label: code for code, label in enumerate(sorted(set(rows["label"].to_pylist())))}
    lines = [
        f"__label__{codes[label]} {' '.join(text.lower().split())}\n"
        for text, label in zip(rows["sequence"].to_pylist(), rows["label"].to_pylist(), strict=True)
    ]
    both = list(zip(lines, names, strict=True))
    random.Random(0).shuffle(both)
    for file, wanted in zip(files, PARTS.values(), strict=True):
        file.write_text("".join(line for line, split in both if split in wanted), "utf-8")


def train_and_score(name: str, threads: int) -> Measured:
    """A training that nothing is reused for, and its test rows from raw text to labels."""
    from benchmarks.runs import prepare
    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.encoders import load_encoder
    from seqcls.models.package import load_model, predict_logits
    from seqcls.training.train import train

    with (
        tempfile.TemporaryDirectory() as folder,
        open_variant(CONFIGS / f"{name}.toml", settings(threads), Path(folder)) as workspace,
    ):
        encoded = prepare(workspace)
        began, cpu = time.perf_counter(), time.process_time()
        result = train(encoded, workspace.pipeline, workspace.store)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        loaded, encoder = load_model(result.ref), load_encoder(result.ref.folder)
        test = EncodedSplit.open(encoded, "test")
        texts = raw_texts(workspace.store.root, test.ids)
        began = time.perf_counter()
        table = pa.table({"id": test.ids, "sequence": encoder.encode(texts).sequence})
        logits = predict_logits(loaded, EncodedSplit.from_arrow(table, encoder.inputs), SCORE_BATCH)
        scored = len(test) / (time.perf_counter() - began)
        valid = EncodedSplit.open(encoded, "valid")
        known = predict_logits(loaded, valid, SCORE_BATCH)
    right = {"accuracy": (logits, test.labels), "valid": (known, valid.labels)}
    accuracy = {name: float((found.argmax(1) == labels).mean()) for name, (found, labels) in right.items()}
    return {"train_seconds": seconds, "train_cpu": cpu, "score": scored, **accuracy}


def raw_texts(store: Path, ids: pa.ChunkedArray) -> pa.Array:
    """The raw text of some rows, in the order of their ids."""
    from seqcls.store.parquet import read_parquet, shards

    (checked,) = (store / "artefacts" / "checked").iterdir()
    rows = read_parquet(shards(checked / "rows"), ["id", "sequence"])
    places = {name: place for place, name in enumerate(rows["id"].to_pylist())}
    return rows["sequence"].combine_chunks().take(pa.array([places[name] for name in ids.to_pylist()]))


if __name__ == "__main__":
    sys.exit(main())
