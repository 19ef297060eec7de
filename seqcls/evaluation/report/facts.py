"""What the report shows: the figures of an evaluation, and the facts about data and model beside them.

In: artefacts on the road to a model. Out: frozen records without times or paths, so that the same inputs give the
same report, byte for byte.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow.compute as pc

from seqcls.config import Pipeline
from seqcls.config.model import find_family
from seqcls.evaluation.calibration import Abstention, Calibration
from seqcls.evaluation.intervals import Difference
from seqcls.evaluation.metrics import Metrics, Record
from seqcls.evaluation.tried import Search, read_search
from seqcls.store.artefacts import Ref, read_manifest
from seqcls.store.parquet import read_parquet
from seqcls.table import Kind, Split
from seqcls.validation.look_alikes import look_alikes

SETTINGS = ("split", "encode", "train")
ENCODING = ("left_out", "truncated", "unknown_share")
ORIGIN = ("torch", "device", "threads")


class NoBaseline(Record):
    """A baseline that could not be fitted."""

    skipped: str


class Baselines(Record):
    trivial: Metrics
    linear: Metrics | NoBaseline


class Evaluation(Record):
    """metrics.json."""

    model: str
    """Digest of the model artefact."""
    valid: Metrics | None
    """None without validation rows."""
    test: Metrics
    intervals: dict[str, tuple[float, float]]
    """95 % bootstrap intervals of the test figures."""
    baselines: Baselines
    linear_rows: int
    """Training rows that the linear baseline was fitted on."""
    against_linear: Difference | None
    """Linear baseline (a) against the network (b), on the same test rows."""
    calibration: Calibration | None = None
    """None where the model has no temperature."""
    abstention: Abstention | None = None
    """None without `score.abstain_precision`."""


class Facts(Record):
    """Everything on the report that is no figure of merit."""

    pipeline: str
    kind: Kind
    family: str
    model: dict[str, str]
    rows: dict[str, int]
    class_rows: dict[Split, dict[str, int]]
    rejects: dict[str, int]
    """Rule -> rejected rows; a row with two reasons counts at both."""
    found: dict[str, int]
    """Rule -> what its check found, rows that were only warned of included; rules that found nothing are left out."""
    encoding: dict[str, str]
    leakage: dict[str, str]
    alike: list[str]
    """Sentences about classes that a person cannot tell apart."""
    inputs: dict[str, str]
    """Artefact -> digest."""
    settings: dict[str, str]
    more: dict[str, str]
    history: list[dict[str, float]]
    """One record an epoch."""
    search: Search | None = None
    """What `family = "auto"` tried."""


def gather_facts(
    model: Ref, encoded: Ref, checked: Ref, splits: Ref, pipeline: Pipeline, more: dict[str, object] | None
) -> Facts:
    """Read the manifests, the rejects and the training history."""
    checked_meta, splits_meta = read_manifest(checked)["meta"], read_manifest(splits)["meta"]
    encoded_meta = read_manifest(encoded)["meta"]
    # A search is asked for, and a network of another family comes out.
    network = _read_manifest(model)["model"] if pipeline.model.family == "auto" else pipeline.model.model_dump()
    refs = {"checked": checked, "splits": splits, "encoded": encoded, "model": model}
    return Facts(
        pipeline=pipeline.name,
        kind=pipeline.kind,
        family=network["family"],
        model=_flatten(_model_facts(read_manifest(model)["meta"])) | _read_origin(model),
        rows={name: int(checked_meta[name]) for name in ("rows_in", "accepted", "rejected")},
        class_rows=splits_meta["counts"],
        rejects=_count_rejects(checked),
        found={rule: count for rule, count in checked_meta.get("checks", {}).items() if count},
        encoding=_flatten({name: encoded_meta[name] for name in ENCODING if name in encoded_meta}),
        leakage=_flatten(splits_meta.get("leakage", {}) | _named_warnings(splits_meta)),
        alike=[] if pipeline.rules.similar_label == "off" else look_alikes(_all_rows(splits_meta["counts"])),
        inputs={name: ref.digest for name, ref in refs.items()},
        settings={"seed": str(pipeline.seed)}
        | _flatten({part: getattr(pipeline, part).model_dump() for part in SETTINGS})
        | _flatten({"model": network}),
        more={name: str(value) for name, value in (more or {}).items()},
        history=read_history(model),
        search=read_search(model.folder),
    )


def _all_rows(counts: dict[str, dict[str, int]]) -> Counter[str]:
    """Rows of each class, all splits together."""
    together: Counter[str] = Counter()
    for classes in counts.values():
        together.update(classes)
    return together


def read_history(model: Ref) -> list[dict[str, float]]:
    """history.json of a model: one record an epoch, numbers only."""
    data = json.loads((model.folder / "history.json").read_bytes())
    epochs = data if isinstance(data, list) else data["epochs"]
    return [{key: float(value) for key, value in epoch.items() if isinstance(value, int | float)} for epoch in epochs]


def _read_manifest(model: Ref) -> dict[str, Any]:
    """model.json."""
    manifest: dict[str, Any] = json.loads((model.folder / "model.json").read_bytes())
    return manifest


def _read_origin(model: Ref) -> dict[str, str]:
    """What, beside data and settings, decided the weights."""
    manifest = _read_manifest(model)
    return {name: str(manifest[name]) for name in ORIGIN}


def _count_rejects(checked: Ref) -> dict[str, int]:
    rules = read_parquet(checked.folder / "rejects.parquet", columns=["rules"])["rules"]
    counted = pc.value_counts(pc.list_flatten(rules))
    pairs = [(row["values"], row["counts"]) for row in counted.to_pylist()]
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _named_warnings(meta: dict[str, Any]) -> dict[str, str]:
    return {f"warning {number}": str(warning) for number, warning in enumerate(meta.get("warnings", []), start=1)}


def _model_facts(meta: dict[str, Any]) -> dict[str, Any]:
    """Without times: they are no property of the model, and would change the report's digest."""
    hidden = {"epochs", "best_epoch"} if find_family(meta["family"]).trained == "fit" else set()
    return {k: v for k, v in meta.items() if "seconds" not in k and "per_second" not in k and k not in hidden}


def _flatten(value: Any, name: str = "") -> dict[str, str]:
    """Nested facts -> lines: {"a": {"b": 1}} -> {"a.b": "1"}."""
    if isinstance(value, dict):
        flat: dict[str, str] = {}
        for key, inner in value.items():
            flat |= _flatten(inner, f"{name}.{key}" if name else str(key))
        return flat
    if isinstance(value, float):
        return {name: f"{value:.4g}"}
    return {name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)}
