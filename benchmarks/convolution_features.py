"""The rocket family beside aeon's, on nine sets of real series, in one run.

`python -m benchmarks.convolution_features --aeon PYTHON [--features minirocket] [--seeds 0 1 2] [--only NAME ...]`.
PYTHON is the interpreter of an environment of its own with aeon (`pip install aeon`). Ours goes through ingest,
validate, split, encode and train on the published training rows (split.valid = 0: the ridge holds out rows itself);
aeon gets the same encoded values, padded with zeros and zero for missing, as its own loader does. Both with the same
number of threads, each after a small fit that is not counted. Seconds are those of the clock and of the processor,
which other work on the machine disturbs less: ours of the whole train stage, writing the model included, aeon's of
`fit`. Written to benchmarks/results/convolution_features.csv; a run that is in the file already is replaced.
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
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measured import Row, peer_environment, read_rows, replace
from benchmarks.runs import CONFIGS, ROOT, Changes, open_variant, prepare
from seqcls.data.encoded_split import EncodedSplit, read_inputs
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import Ref
from seqcls.training.train import train

SETS = (
    "ecg5000", "ecg200", "japanese-vowels", "plaid", "melbourne-pedestrian", "italy-power-demand", "gun-point",
    "shake-gesture-wiimote-z", "dodger-loop-day",
)  # fmt: skip
PEERS = {
    "minirocket": "MiniRocketClassifier",
    "multirocket": "MultiRocketClassifier",
    "hydra": "HydraClassifier",
    "multirocket+hydra": "MultiRocketHydraClassifier",
}
RESULTS = ROOT / "benchmarks" / "results" / "convolution_features.csv"
KEY = ("features", "set", "seed", "threads")
CHILD = Path(__file__).with_name("convolution_features_aeon.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aeon", required=True, metavar="PYTHON", help="an interpreter with aeon")
    parser.add_argument("--features", choices=PEERS, default="minirocket")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=SETS, default=SETS, metavar="NAME")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    warm_up(options.features, options.threads)
    for name in options.only:
        for row in compare(name, options.features, options.seeds, options.threads, options.aeon):
            replace(RESULTS, [row], KEY, ordered=True)
            print({part: row[part] for part in list(row)[:11]}, flush=True)
    print(summary(options.features, options.threads))


def settings(features: str, threads: int) -> Changes:
    """The config of a set as it is compared: all training rows, values as they are in the file."""
    model = {"family": "rocket", "features": features}
    return {"model": model, "train": {"threads": threads}, "split.valid": 0.0, "encode": {"normalise": "none"}}


def warm_up(features: str, threads: int) -> None:
    """One small training, so that what a process does once is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        path = CONFIGS / "italy-power-demand.toml"
        with open_variant(path, settings(features, threads), Path(folder)) as workspace:
            train(prepare(workspace), workspace.pipeline, workspace.store)


def compare(name: str, features: str, seeds: list[int], threads: int, aeon: str) -> list[Row]:
    """One set: ours and theirs, seed by seed."""
    changes = settings(features, threads)
    with tempfile.TemporaryDirectory() as folder:
        ours, data = [], Path(folder) / "series.npz"
        for seed in seeds:
            with open_variant(CONFIGS / f"{name}.toml", {**changes, "seed": seed}, Path(folder)) as workspace:
                encoded = prepare(workspace)
                began = time.process_time()
                result = train(encoded, workspace.pipeline, workspace.store)
                cpu = time.process_time() - began
                ours.append(judge(result.ref, encoded) | {"seconds": result.seconds, "cpu": cpu})
        np.savez(data, **arrays(encoded))
        command = [aeon, str(CHILD), str(data), PEERS[features], str(threads), *map(str, seeds)]
        theirs = json.loads(
            subprocess.run(command, env=peer_environment(), check=True, capture_output=True, text=True).stdout
        )
    return [
        describe(name, features, seed, threads, one, other, theirs["versions"])
        for seed, one, other in zip(seeds, ours, theirs["runs"], strict=True)
    ]


def judge(model: Ref, encoded: Ref) -> dict[str, float]:
    """Test accuracy and log loss."""
    loaded, test = load_model(model), EncodedSplit.open(encoded, "test")
    logits = predict_logits(loaded, test, 256).astype(np.float64)
    shifted = logits - logits.max(1, keepdims=True)
    chances = shifted[np.arange(len(test)), test.labels] - np.log(np.exp(shifted).sum(1))
    return {"accuracy": float((logits.argmax(1) == test.labels).mean()), "log_loss": float(-chances.mean())}


def arrays(encoded: Ref) -> dict[str, npt.NDArray[Any]]:
    """Both splits as (N, C, T), zeros for padding and for missing values, and their labels."""
    splits = {name: EncodedSplit.open(encoded, name) for name in ("train", "test")}
    inputs, _ = read_inputs(encoded.folder)
    width = max(int(split.lengths.max()) for split in splits.values())
    found: dict[str, npt.NDArray[Any]] = {}
    for name, split in splits.items():
        values = split.collate(np.arange(len(split)), inputs).pad_to(width).values
        assert values is not None
        found |= {name: values.permute(0, 2, 1).contiguous().numpy(), f"{name}_labels": split.labels}
    return found


def describe(
    name: str, features: str, seed: int, threads: int, ours: dict[str, float], theirs: dict[str, float], aeon: Row
) -> Row:
    """One line of the file."""
    return {
        "features": features,
        "set": name,
        "seed": seed,
        "threads": threads,
        "accuracy": round(ours["accuracy"], 5),
        "aeon_accuracy": round(theirs["accuracy"], 5),
        "seconds": round(ours["seconds"], 3),
        "aeon_seconds": round(theirs["seconds"], 3),
        "cpu_seconds": round(ours["cpu"], 3),
        "aeon_cpu_seconds": round(theirs["cpu"], 3),
        "log_loss": round(ours["log_loss"], 4),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{part: importlib.metadata.version(part) for part in ("seqcls", "torch", "numpy")},
        **aeon,
    }


def summary(features: str, threads: int) -> str:
    """Means over sets and seeds, and how long ours takes beside theirs."""
    rows = [r for r in read_rows(RESULTS) if (r["features"], r["threads"]) == (features, str(threads))]

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.array([float(str(row[name])) for row in rows])

    clock, cpu = (column(n).sum() / column(f"aeon_{n}").sum() for n in ("seconds", "cpu_seconds"))
    return (
        f"{features}, {len(rows)} runs: accuracy {column('accuracy').mean():.4f}, aeon "
        f"{column('aeon_accuracy').mean():.4f}; seconds of ours by aeon's: {clock:.2f} (clock), {cpu:.2f} (processor)"
    )


if __name__ == "__main__":
    main()
