"""The n-gram family on the real sets of configs/real: test figures, processor seconds, and fastText in the same run.

`python -m benchmarks.ngrams [--only NAME ...] [--fasttext PYTHON]` writes benchmarks/results/ngrams.csv. PYTHON is an
interpreter that has the package `fasttext-wheel`, for instance of a virtual environment outside the checkout; without
it, or where the loader of its sets is missing, fastText is left out and the reason is printed. Seconds are processor
time of all threads, since a busy machine's clock says little: ours of the whole train stage (the rows encoded before),
fastText's of `train_supervised` on a file of lower-case words. The settings are the family's defaults, but for those
below, which were chosen by cross-validation on training rows. Each run opens the test split once. fastText learns from
the validation rows too; where a set has no test split of its own, its test rows are others than ours.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measured import Row, replace
from benchmarks.runs import CONFIGS, ROOT, open_variant, prepare
from seqcls import stages
from seqcls.road import train_pipeline
from seqcls.training.train import train

RESULTS = ROOT / "benchmarks" / "results" / "ngrams.csv"
PEERS = ROOT.parent / "shared" / "peers"
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "mcc")
COLUMNS = ("set", "who", "test_rows", *FIGURES, "valid_accuracy", "linear_accuracy", "train_seconds", "settings")


@dataclass(frozen=True)
class Case:
    """A set: its config, what is changed, and its name in the peers' loader."""

    config: str
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    peer: str | None = None


CASES = (
    Case("sst3", peer="text_sst3"),
    Case("text-mr", peer="text_mr"),
    # the first words of a question say what it asks for: 0.878 instead of 0.865 by cross-validation
    Case("trec", {"opening": 3}, peer="text_trec"),
    Case("trec-tokens", {"opening": 3}),
    Case("sms-spam", peer="text_sms_spam"),
    # what is compared is macro F1: 0.280 instead of 0.248 by cross-validation
    Case("tweeteval-emoji", train={"balance": "weights"}, peer="text_tweeteval_emoji"),
    Case("splice"),
    Case("bacterial-promoters"),
    Case("human-core-promoters"),
    Case("amp-scanner"),
)

FASTTEXT = """
import json, sys, time, tempfile
sys.path.insert(0, sys.argv[1])
import fasttext
from load import load
texts, labels, others, truth = load(sys.argv[2])
with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", delete=False) as file:
    for text, label in zip(texts, labels):
        file.write(f"__label__{label} {' '.join(text.lower().split())}\\n")
began = time.process_time()
model = fasttext.train_supervised(
    file.name, wordNgrams=2, epoch=10, lr=0.3, dim=50, minn=0, maxn=0, thread=1, verbose=0, bucket=500000
)
seconds = time.process_time() - began
lines = [" ".join(text.lower().split()) for text in others]
found = [model.f.predict(line + "\\n", 1, 0.0, "strict")[0][1].removeprefix("__label__") for line in lines]
names = sorted(set(truth))
scores = []
for name in names:
    both = sum(a == b == name for a, b in zip(found, truth))
    scores.append(2 * both / max(1, found.count(name) + truth.count(name)))
right = sum(a == b for a, b in zip(found, truth)) / len(truth)
print(json.dumps({"accuracy": right, "macro_f1": sum(scores) / len(scores), "train_seconds": round(seconds, 2)}))
"""
"""Word pairs, as in the peers' script, but one thread: two on a busy machine see the rows unevenly, and learn less."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[case.config for case in CASES])
    parser.add_argument("--fasttext", type=Path, help="a Python that can import fasttext")
    options = parser.parse_args()
    reason = why_no_fasttext(options.fasttext)
    if reason is not None:
        print(f"fastText is left out: {reason}")
    for case in CASES:
        if options.only is not None and case.config not in options.only:
            continue
        for row in run_case(case, options.fasttext if reason is None else None):
            record(row)
            print(json.dumps(row), flush=True)


def why_no_fasttext(python: Path | None) -> str | None:
    """None if fastText can run."""
    if python is None:
        return "no --fasttext PYTHON"
    if not (PEERS / "load.py").is_file():
        return f"no {PEERS.name}/load.py beside the checkout"
    found = subprocess.run([str(python), "-c", "import fasttext"], capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else found.stderr.strip().splitlines()[-1]


def run_case(case: Case, fasttext: Path | None) -> Iterator[dict[str, Any]]:
    """Our row, and fastText's where it can read the set."""
    yield {"set": case.config, "who": "seqcls ngrams", **ours(case)}
    if fasttext is not None and case.peer is not None:
        command = [str(fasttext), "-c", FASTTEXT, str(PEERS), case.peer]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = json.loads(said.splitlines()[-1])
        yield {"set": case.config, "who": "fasttext", **found, "settings": "word pairs, 10 epochs, one thread"}


def ours(case: Case) -> dict[str, Any]:
    """The whole road with the family in the place of the config's own."""
    changes: dict[str, Any] = {
        "model": {"family": "ngrams", **case.model},
        "train": {"threads": 1, **case.train},
        "encode.max_length": None,
        "encode.vocabulary": None,
        "encode.min_count": None,
        "encode.k": None,
        "encode.unit": None,
    }
    assert callable(train), "loaded before the clock runs: importing torch is no part of a training"
    # a store of its own, so that nothing is reused and the seconds are those of a training
    with (
        tempfile.TemporaryDirectory() as store,
        open_variant(CONFIGS / f"{case.config}.toml", changes, Path(store)) as workspace,
    ):
        encoded = prepare(workspace)
        began = time.process_time()
        stages.run_on(workspace, stages.TRAIN, encoded)
        seconds = time.process_time() - began
        metrics = train_pipeline(workspace).metrics
    return {
        "test_rows": metrics["test"]["rows"],
        **{name: round(metrics["test"][name], 5) for name in FIGURES},
        "valid_accuracy": round(metrics["valid"]["accuracy"], 5),
        "linear_accuracy": round(metrics["baselines"]["linear"].get("accuracy", float("nan")), 5),
        "train_seconds": round(seconds, 2),
        "settings": json.dumps({**case.model, **case.train}, sort_keys=True),
    }


def record(row: Row) -> None:
    """Put a row into the file, in the place of an older one of the same set."""
    versions = {name: importlib.metadata.version(name) for name in ("seqcls", "torch", "numpy", "scipy")}
    stamp = {"date": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} cores", **versions}
    blank = dict.fromkeys(COLUMNS, "")  # fastText's row has fewer figures, and may be the first of the file
    replace(RESULTS, [{**blank, **row, **stamp}], ("set", "who"), ordered=True)


if __name__ == "__main__":
    main()
