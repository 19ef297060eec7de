"""One training of a real data set, from a config of configs/real with some settings changed.

In: a config, changes such as {"model": {...}, "train.epochs": 10}, a seed. Out: validation figures, or the whole
`TrainOutcome`. Promise: `validation` never predicts a test row, so that settings can be compared without opening the
test split; `whole_road` opens it once. All stages before training are shared through one store.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqcls.config.loading import LoadedPipeline, parse_pipeline
from seqcls.ledger import open_database
from seqcls.stages import ENCODE, TRAIN, run_until
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.workspace import Workspace

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs" / "real"
STORE = ROOT / "var" / "results"
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1")

Changes = dict[str, Any]
"""Dotted name -> value; a value that is a table replaces the whole section, None removes a setting."""


def change(document: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """A new document with the settings changed."""
    changed: dict[str, Any] = json.loads(json.dumps(document))
    for name, value in changes.items():
        *sections, last = name.split(".")
        place = changed
        for section in sections:
            place = place.setdefault(section, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return changed


@contextmanager
def open_variant(path: Path, changes: Changes, store: Path = STORE) -> Iterator[Workspace]:
    """A config with changes, opened on a store of its own beside that of the config."""
    document = change(tomllib.loads(path.read_text("utf-8")), changes)
    store = store / path.stem
    pipeline = parse_pipeline({**document, "store": str(store)}, str(path))
    database = open_database(store, None)
    try:
        yield Workspace(
            LoadedPipeline(pipeline=pipeline, folder=path.parent, path=path), ArtefactStore(store), database
        )
    finally:
        database.close()


def prepare(workspace: Workspace) -> Ref:
    """The `encoded` artefact of a config."""
    return run_until(workspace, ENCODE)[-1].ref


def validation(path: Path, changes: Changes, store: Path = STORE) -> dict[str, float]:
    """Figures of the validation split at the epoch whose weights were kept, and what the training took."""
    with open_variant(path, changes, store) as workspace:
        result = run_until(workspace, TRAIN)[-1]
        history = json.loads((result.ref.folder / "history.json").read_bytes())
        model = json.loads((result.ref.folder / "model.json").read_bytes())
    best = history[model["best_epoch"] - 1]
    return {
        **{name: best[name] for name in FIGURES},
        "valid_loss": best["valid_loss"],
        "train_loss": best["train_loss"],
        "best_epoch": model["best_epoch"],
        "epochs": len(history),
        "parameters": model["parameters"],
        "seconds": result.seconds,
    }


def whole_road(path: Path, changes: Changes, store: Path = STORE) -> dict[str, Any]:
    """Figures of the test split, which is opened here, and what stands beside them."""
    from seqcls.road import train_pipeline

    with open_variant(path, changes, store) as workspace:
        outcome = train_pipeline(workspace)
        metrics = outcome.metrics
        model = workspace.store.find("model", metrics["model"])
        assert model is not None, "the model was made a moment ago"
        manifest = json.loads((model.folder / "model.json").read_bytes())
        linear, trivial = metrics["baselines"]["linear"], metrics["baselines"]["trivial"]
        return {
            "family": workspace.pipeline.model.family,
            "test_rows": metrics["test"]["rows"],
            "valid_accuracy": metrics["valid"]["accuracy"],
            **{name: metrics["test"][name] for name in (*FIGURES, "mcc")},
            "accuracy_low": metrics["intervals"]["accuracy"][0],
            "accuracy_high": metrics["intervals"]["accuracy"][1],
            "linear_accuracy": linear.get("accuracy", ""),
            "linear_macro_f1": linear.get("macro_f1", ""),
            "trivial_accuracy": trivial["accuracy"],
            "parameters": manifest["parameters"],
            "epochs": len(json.loads((model.folder / "history.json").read_bytes())),
            "train_seconds": outcome.seconds["train"],
            "rows_per_second": outcome.train_rows_per_second,
        }
