"""Settings of one run: written into run and model, never into the pipeline file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.config import ChangedConfig, load_pipeline
from seqcls.config.changes import parse_changes
from seqcls.errors import ConfigRefused
from seqcls.workspace import open_workspace
from tests.reliability.processes import Nursery
from tests.road_data import write_project


def test_values_are_toml_or_text() -> None:
    texts = ["train.epochs=5", "train.budget=90s", "model.family = cnn", "train.calibrate=true", 'source.files=["a"]']
    found = parse_changes(texts)
    assert list(found.values()) == [5, "90s", "cnn", True, ["a"]]
    assert parse_changes(["seed=3\nname=1"]) == {"seed": "3\nname=1"}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["epochs"], "expected KEY=VALUE, such as train.epochs=5"),
        (["train..epochs=5"], "expected KEY=VALUE"),
        (["seed=1", "seed=2"], "seed twice"),
    ],
)
def test_what_cannot_be_read_is_refused(texts: list[str], said: str) -> None:
    with pytest.raises(ConfigRefused, match=said):
        parse_changes(texts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "other"}, "name cannot be changed for one run"),
        ({"store": "x"}, "store cannot be changed"),
        ({"score.batch_size": 3}, "score.batch_size cannot be changed"),
        ({"seed.x": 1}, "seed is no section"),
        ({"train.epoch": 5}, "did you mean 'epochs'"),
        ({"train.epochs": 0}, "with train.epochs=0: 1 fault"),
        ({"model.family": "ngrams", "train.epochs": 5}, "train.epochs is for families trained in epochs"),
    ],
)
def test_a_change_is_checked_like_the_file(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    config = write_project(tmp_path)
    config.write_text("seed = 1\n" + config.read_text())
    with pytest.raises(ConfigRefused, match=said):
        load_pipeline(ChangedConfig(path=str(config), changes=changes))


def test_another_family_starts_from_its_own_defaults(tmp_path: Path) -> None:
    config = write_project(tmp_path, family="gru")
    same = load_pipeline(ChangedConfig(path=str(config), changes={"model.family": "gru"})).pipeline
    assert same == load_pipeline(config).pipeline
    other = load_pipeline(ChangedConfig(path=str(config), changes={"model.family": "ngrams"})).pipeline
    assert (other.model.family, other.train.epochs) == ("ngrams", 30)


def test_the_command_trains_with_it_and_leaves_the_file(
    untrained: Path, copy: Callable[[Path], Path], nursery: Nursery
) -> None:
    config = copy(untrained)
    before = config.read_text()
    refused = nursery.run("train", config, "--set", "train.epoch=1")
    assert (refused.status, "did you mean 'epochs'" in refused.text) == (2, True)
    done = nursery.run("train", config, "--set", "train.epochs=1", "--set", "seed=4")
    assert done.status == 0, done.text
    assert "set for this run: train.epochs=1, seed=4" in done.text
    assert config.read_text() == before
    with open_workspace(config) as workspace:
        [model] = workspace.store.all("model")
    assert json.loads((model.folder / "changes.json").read_text()) == {"train.epochs": 1, "seed": 4}
    assert json.loads((model.folder / "model.json").read_text())["seed"] == 4
    again = nursery.run("train", config, "--set", "train.epochs=1", "--set", "seed=4", "--json")
    assert json.loads(again.text.splitlines()[-1])["changes"] == {"train.epochs": 1, "seed": 4}
