"""Families that are fitted in one go: the road of a run, the promises of every network, settings without effect."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcls.config.loading import parse_pipeline
from seqcls.config.model import Family, families_trained, find_family
from seqcls.config.pipeline import Pipeline
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.models.building import build_model
from seqcls.models.families.rocket import RocketModel
from seqcls.models.fitted import FitRecord, FitRows, FittedNetwork
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore, verify
from seqcls.training.train import train
from tests.recorder import Recorder
from tests.seqcls.encoded_examples import SPECS, encoded_table, random_table, write_encoded
from tests.seqcls.test_models import batch_of, fits, row_alone
from tests.seqcls.training_examples import LABELS, make_encoded

CLASSES = 3
SMALL: dict[str, dict[str, dict[str, Any]]] = {
    "rocket": {
        "minirocket": {"features": "minirocket", "thresholds": 6},
        "multirocket": {"features": "multirocket", "thresholds": 2},
        "hydra": {"features": "hydra", "groups": 8},
        "both": {"features": "multirocket+hydra", "thresholds": 2, "groups": 8},
    },
}
"""Family -> variants small enough for a test; a family that is not here is tried with its own example."""
SWEEP = [
    pytest.param(family, variant, form, id=f"{family}-{variant}-{form}")
    for family in families_trained("fit")
    for variant in SMALL.get(family, {"example": {}})
    for form in SPECS
    if fits(family, form)
]


def config_of(family: str, variant: str) -> Family:
    section = find_family(family)
    return section.model_validate(SMALL[family][variant] if family in SMALL else section.example)


def fit(
    config: Family, split: EncodedSplit, spec: InputSpec, seed: int = 0, valid: EncodedSplit | None = None
) -> tuple[FittedNetwork, FitRecord]:
    """Validation rows are the training rows, unless others are given."""
    network = build_model(config, spec, CLASSES)
    assert isinstance(network, FittedNetwork)
    rows = FitRows(split, split if valid is None else valid, spec, np.ones(len(split)), seed)
    with torch.inference_mode():
        record = network.fit(rows)
    return network.eval(), record


def split_of(form: str, rows: int, seed: int = 0, shortest: int = 1) -> EncodedSplit:
    return EncodedSplit.from_arrow(random_table(SPECS[form], rows, CLASSES, seed, shortest), SPECS[form])


@pytest.mark.parametrize(("family", "variant", "form"), SWEEP)
def test_logits_depend_neither_on_padding_nor_on_neighbours(family: str, variant: str, form: str) -> None:
    spec = SPECS[form]
    network, _ = fit(config_of(family, variant), split_of(form, 24), spec)
    batch = batch_of(spec, rows=9, seed=4)
    assert len(set(batch.lengths.tolist())) > 1, "rows of unequal length are the point"
    together = network(batch)
    assert together.std(0).min() > 1e-3, "different rows do differ"
    torch.testing.assert_close(network(batch.pad_to(batch.width + 9)), together, atol=1e-4, rtol=1e-4)
    for row in range(len(batch)):
        torch.testing.assert_close(network(row_alone(batch, row, spec)), together[row : row + 1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("family", "variant", "form"), SWEEP)
def test_every_family_tells_its_training_rows_and_starts_without_an_opinion(
    family: str, variant: str, form: str
) -> None:
    split = split_of(form, 24, seed=5, shortest=9)
    batch = split.collate(np.arange(24), SPECS[form])
    assert not build_model(config_of(family, variant), SPECS[form], CLASSES)(batch).any()
    network, record = fit(config_of(family, variant), split, SPECS[form])
    assert (network(batch).argmax(1) == batch.labels).all()
    np.testing.assert_array_equal(record.rows, np.arange(24))
    np.testing.assert_allclose(record.logits, network(batch).detach().numpy(), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "variant", "form"), SWEEP)
def test_labels_dealt_at_random_are_guessed_at_chance_for_rows_held_out(family: str, variant: str, form: str) -> None:
    split = split_of(form, 90, seed=5, shortest=9)
    shuffled = replace(split, labels=np.random.default_rng(0).permutation(split.labels))
    _, record = fit(config_of(family, variant), shuffled, SPECS[form], valid=split_of(form, 0))
    if record.held_out is None:
        pytest.skip(f"{family} holds no rows out")
    assert (record.held_out.argmax(1) == shuffled.labels).mean() < 0.5  # chance: 0.33 with a deviation of 0.05


@pytest.mark.parametrize(("family", "variant", "form"), SWEEP)
def test_a_row_without_positions_gives_finite_logits(family: str, variant: str, form: str) -> None:
    spec = SPECS[form]
    network, _ = fit(config_of(family, variant), split_of(form, 12), spec)
    split = EncodedSplit.from_arrow(encoded_table([[], [1.0] * 3], [0, 1], spec), spec)
    for rows in ([0], [0, 1]):
        assert network(split.collate(np.array(rows), spec)).isfinite().all()


@pytest.mark.parametrize(("family", "variant", "form"), SWEEP)
def test_the_order_of_classes_changes_nothing_but_their_names(family: str, variant: str, form: str) -> None:
    spec = SPECS[form]
    split = split_of(form, 18)
    renamed = np.array([2, 0, 1])
    network, _ = fit(config_of(family, variant), split, spec)
    other, _ = fit(config_of(family, variant), replace(split, labels=renamed[split.labels]), spec)
    batch = batch_of(spec, rows=9, seed=4)
    # Solvers that go step by step end a little apart.
    torch.testing.assert_close(other(batch)[:, renamed], network(batch), atol=5e-2, rtol=5e-2)


def series_pipeline(train_settings: dict[str, Any] | None = None, seed: int = 0, kind: str = "series") -> Pipeline:
    source = {"format": "ucr" if kind == "series" else "csv", "files": ["rows.tsv"]}
    return parse_pipeline(
        {
            "name": "example",
            "kind": kind,
            "seed": seed,
            "source": source,
            "model": {"family": "rocket", "thresholds": 6},
            "train": {"threads": 1, **(train_settings or {})},
        },
        "example.toml",
    )


def test_a_fitted_model_takes_the_road_of_a_run_of_one_epoch(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path, "missing")
    heard = Recorder()
    result = train(encoded, series_pipeline(), ArtefactStore(tmp_path), listener=heard)
    manifest = verify(result.ref)
    assert manifest["meta"] | {"parameters": 0} == {"family": "rocket", "parameters": 0, "epochs": 1, "best_epoch": 1}
    [record] = json.loads((result.ref.folder / "history.json").read_text())
    loaded = load_model(result.ref)
    valid = EncodedSplit.open(encoded, "valid")
    logits = torch.from_numpy(predict_logits(loaded, valid, 7))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(valid.labels)).item()
    assert loss == pytest.approx(record["valid_loss"], rel=1e-4)
    assert (logits.argmax(1).numpy() == valid.labels).mean() == pytest.approx(record["accuracy"])
    assert record["accuracy"] > 0.9
    assert record["train_loss"] < record["valid_loss"] < math.log(CLASSES) / 2
    assert (heard.steps[-1].done, heard.steps[-1].total) == (1, 1)
    assert heard.steps[-1].detail.startswith("fitted, loss ")
    assert result.rows == 160


def test_without_validation_rows_the_figures_are_those_of_rows_left_out(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path, "values", valid_rows=0)
    ref = train(encoded, series_pipeline(), ArtefactStore(tmp_path)).ref
    [record] = json.loads((ref.folder / "history.json").read_text())
    test = EncodedSplit.open(encoded, "test")
    accuracy = (predict_logits(load_model(ref), test, 16).argmax(1) == test.labels).mean()
    assert record["accuracy"] == pytest.approx(accuracy, abs=0.1)
    assert record["accuracy"] > 0.85
    assert record["valid_loss"] > record["train_loss"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_artefact_and_another_seed_another(tmp_path: Path) -> None:
    digests = [
        train(make_encoded(tmp_path / str(n), "missing"), series_pipeline(seed=seed), ArtefactStore(tmp_path / str(n)))
        for n, seed in enumerate([3, 3, 4])
    ]
    assert digests[0].ref.digest == digests[1].ref.digest != digests[2].ref.digest


CHILD = """
import sys
from pathlib import Path
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.train import train
from tests.seqcls.test_fitted import series_pipeline
from tests.seqcls.training_examples import make_encoded
from tests.recorder import Recorder
train(make_encoded(Path(sys.argv[1]), "values"), series_pipeline(), ArtefactStore(Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_fit_killed_in_the_middle_is_fitted_again_to_the_same_bits(tmp_path: Path) -> None:
    environment = {**os.environ, "SEQCLS_FAILPOINT": "step_ended=kill@2"}
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path / "killed")], env=environment, check=False)
    assert child.returncode == -signal.SIGKILL
    assert not list((tmp_path / "killed" / "artefacts").glob("model/*/manifest.json"))
    digests = [
        train(make_encoded(folder, "values"), series_pipeline(), ArtefactStore(folder)).ref.digest
        for folder in (tmp_path / "killed", tmp_path / "undisturbed")
    ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "patience", "batch_size", "label_smoothing"])
def test_a_setting_that_only_epochs_know_is_refused_by_name(name: str) -> None:
    value = {"epochs": 5, "patience": 5, "batch_size": 16}.get(name, 0.1)
    with pytest.raises(ConfigRefused, match=rf"train\.{name} is for families trained in epochs; rocket .*remove it"):
        series_pipeline({name: value})


def test_drawing_rare_classes_more_often_is_refused_with_what_to_set() -> None:
    with pytest.raises(ConfigRefused, match=r'train\.balance = "sampling" .*; set "weights"'):
        series_pipeline({"balance": "sampling"})
    assert series_pipeline({"balance": "weights"}).train.balance == "weights"


def test_a_family_for_series_is_refused_elsewhere() -> None:
    with pytest.raises(ConfigRefused, match=r'model\.family = "rocket" is for series, not for words'):
        series_pipeline(kind="tokens")
    with pytest.raises(ConfigRefused, match="is for series, not for words"):
        build_model(RocketModel(), SPECS["tokens"], CLASSES)


def test_values_too_large_for_a_fit_are_refused(tmp_path: Path) -> None:
    spec = SPECS["values"]
    rows = [[0.5, 1.0, 2.0], [1e38, 3e38, -3e38], [0.1, 0.2, 0.3]] * 6
    table = encoded_table(rows, [row % 3 for row in range(18)], spec)
    encoded = write_encoded(tmp_path, spec, {"train": table, "valid": table}, LABELS)
    with pytest.raises(DataRefused, match=r"not finite.*set encode\.normalise"):
        train(encoded, series_pipeline(), ArtefactStore(tmp_path))


def test_weights_of_classes_help_a_rare_class(tmp_path: Path) -> None:
    # The classes overlap: without weights most of the rare one's rows are taken for the frequent one.
    random = np.random.default_rng(0)
    labels = [0] * 150 + [1] * 15
    wave = np.sin(np.arange(12))
    rows = [(random.normal(0.0, 1.0, 12) + 0.7 * label * wave).tolist() for label in labels]
    table = encoded_table(rows, labels, SPECS["values"])
    encoded = write_encoded(tmp_path, SPECS["values"], {"train": table, "valid": table.slice(0, 0)}, ["a", "b"])
    recalls = {}
    for balance in ("none", "weights"):
        ref = train(encoded, series_pipeline({"balance": balance}), ArtefactStore(tmp_path)).ref
        [record] = json.loads((ref.folder / "history.json").read_text())
        recalls[balance] = record["balanced_accuracy"]
    assert recalls["weights"] > recalls["none"] + 0.1
