"""One nursery and one trained project for all tests that need them; each test gets a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.broken_world import BrokenWorld
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows


@pytest.fixture(scope="session")
def nursery(maybe_broken_world: BrokenWorld | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    environment = maybe_broken_world.environment if maybe_broken_world else {}
    with Nursery(tmp_path_factory.mktemp("nursery"), environment) as nursery:
        yield nursery


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pipeline with training data and a night of new data."""
    folder = tmp_path_factory.mktemp("untrained")
    config = write_project(folder, rows=120, family="cnn")
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 3"))
    write_rows(folder / "incoming" / "night.csv", 90, seed=1, labelled=False, extra=[["empty-1", ""], ["empty-2", ""]])
    return folder


@pytest.fixture(scope="session")
def trained(untrained: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with a champion."""
    folder = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(untrained, folder)
    command = nursery.run("train", folder / "pairs.toml")
    assert command.status == 0, command.text
    done = nursery.run("promote", folder / "pairs.toml", "--force", "--why", "for the tests")
    assert done.status == 0, done.text
    return folder


@pytest.fixture(scope="session")
def scored(trained: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has scored its night."""
    folder = tmp_path_factory.mktemp("scored") / "project"
    shutil.copytree(trained, folder)
    command = nursery.run("score", folder / "pairs.toml")
    assert command.status == 0, command.text
    return folder


@pytest.fixture(scope="session")
def promoted(scored: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with a second version as champion, which has scored nothing."""
    folder = tmp_path_factory.mktemp("promoted") / "project"
    shutil.copytree(scored, folder)
    config = folder / "pairs.toml"
    config.write_text(config.read_text().replace("epochs = 3", "epochs = 2"))
    command = nursery.run("train", config)
    assert command.status == 0, command.text
    done = nursery.run("promote", config, "--version", "2", "--force", "--why", "for the tests")
    assert done.status == 0, done.text
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a project; its pipeline file."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "project")) / "pairs.toml"
