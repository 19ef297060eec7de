"""`family = "auto"` on series: ROCKET, once chosen, learns the validation rows too; the test rows stay as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seqcls.cli import main
from seqcls.config.loading import load_pipeline
from seqcls.evaluation.tried import Search, read_search
from seqcls.registry.versions import champion
from seqcls.search.presets import encodings_beside, presets_for, with_validation_rows
from seqcls.store.artefacts import Ref, read_manifest
from seqcls.store.parquet import read_parquet, shards
from seqcls.workspace import open_workspace

CONFIG = """
name = "waves"
kind = "series"
[source]
format = "ucr"
files = ["data/*.tsv"]
[split]
seed = 3
[model]
family = "auto"
candidates = ["gru"]
[train]
budget = "40m"
epochs = 1
threads = 1
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that one epoch of a recurrent network cannot tell apart: slow and fast waves of any phase."""
    folder, random = tmp_path_factory.mktemp("waves"), np.random.default_rng(0)
    (folder / "data").mkdir()
    labels, phases = random.integers(1, 3, 200), random.uniform(0, 6, 200)
    waves = np.sin(np.arange(60)[None] * 0.3 * labels[:, None] + phases[:, None]) + random.normal(0, 0.3, (200, 60))
    rows = [[str(label), *(f"{value:.4f}" for value in wave)] for label, wave in zip(labels, waves, strict=True)]
    (folder / "data" / "waves.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    config = folder / "waves.toml"
    config.write_text(CONFIG)
    return config


def train(config: Path) -> tuple[Ref, Ref, dict[str, float], str]:
    """The model, the rows that it was trained on, its figures on the test split, the report."""
    assert main(["train", str(config)]) == 0
    with open_workspace(config) as workspace:
        version = champion(workspace)
        model = workspace.store.ref("model", version.model_digest)
        encoded = workspace.store.ref("encoded", version.inputs["encoded"])
        assert read_manifest(encoded)["inputs"]["splits"] == version.inputs["splits"]
        evaluation = workspace.store.ref("evaluation", version.evaluation_digest).folder
    assert read_manifest(model)["inputs"]["encoded"] == encoded.digest
    figures = json.loads((evaluation / "metrics.json").read_bytes())["test"]
    return model, encoded, figures, (evaluation / "report.html").read_text()


def search_of(model: Ref) -> Search:
    found = read_search(model.folder)
    assert found is not None
    return found


def ids(encoded: Ref, split: str) -> list[str]:
    found: list[str] = read_parquet(shards(encoded.folder / split), ["id"])["id"].to_pylist()
    return found


@pytest.mark.slow
def test_what_needs_no_validation_rows_learns_them_and_the_pinned_lines_do_too(project: Path) -> None:
    model, whole, figures, report = train(project)
    found = search_of(model)
    assert (found.chosen, found.whole) == ("rocket", True)
    assert found.why.endswith("; trained on the validation rows as well")
    assert figures["accuracy"] > 0.9
    assert "Fitted in one go, not in epochs: loss" in report, "no curves of one point"
    assert "on training rows held out" in report
    assert "epoch" not in report.partition('id="learning"')[2].partition('id="classes"')[0].replace("in epochs", "")
    calibrated = project.with_name("calibrated.toml")  # the temperature is fitted on validation rows: they stay apart
    calibrated.write_text(CONFIG.replace("[train]", "[train]\ncalibrate = true"))
    other, parted, *_ = train(calibrated)
    assert (search_of(other).chosen, search_of(other).whole) == ("rocket", False)
    assert ids(whole, "test") == ids(parted, "test")
    assert sorted(ids(whole, "train")) == sorted(ids(parted, "train") + ids(parted, "valid"))
    assert ids(whole, "valid") == []
    assert "[split]\nvalid = 0.0\nseed = 3" in found.pin
    pinned = project.with_name("pinned.toml")
    pinned.write_text(f"{CONFIG.partition('[split]')[0]}{found.pin}\n")
    again, *_ = train(pinned)
    weights = [(ref.folder / "weights.safetensors").read_bytes() for ref in (model, again)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("kept", ["[train]\ncalibrate = true", "[score]\nabstain_precision = 0.9\n[train]"])
def test_validation_rows_that_something_else_needs_are_not_learnt(project: Path, kept: str) -> None:
    config = project.with_name("kept.toml")
    config.write_text(CONFIG.replace("[train]", kept))
    pipeline = load_pipeline(config).pipeline
    rocket = presets_for(pipeline)[0]
    assert with_validation_rows(rocket, pipeline) is pipeline
    assert with_validation_rows(rocket, load_pipeline(project).pipeline).split.valid == 0


def test_where_the_file_has_an_encoding_no_candidate_is_tried_twice(project: Path) -> None:
    assert [one.name for one in presets_for(load_pipeline(project).pipeline)] == ["rocket", "gru"]
    config = project.with_name("free.toml")
    config.write_text(CONFIG.replace('candidates = ["gru"]', 'candidates = ["gru", "rocket-level"]'))
    pipeline = load_pipeline(config).pipeline
    assert [one.name for one in presets_for(pipeline)] == ["rocket", "rocket-level", "gru"]
    assert [one.encode.model_dump()["normalise"] for one in encodings_beside(pipeline)] == ["none"]
    config.write_text(f'{config.read_text()}[encode]\nnormalise = "channel"\n')
    pipeline = load_pipeline(config).pipeline
    assert [one.name for one in presets_for(pipeline)] == ["rocket", "gru"]
    assert encodings_beside(pipeline) == []
