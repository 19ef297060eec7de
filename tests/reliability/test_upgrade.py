"""Stores of earlier versions are opened, scored with, scored again, repaired, cleared and rolled back by this one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqcls.ledger.models import list_models
from seqcls.registry.versions import champion, find_version
from seqcls.scoring.predict import predict_one
from seqcls.workspace import open_workspace
from tests.golden.pipelines import HISTORY, RACED, STORES, write_night
from tests.golden.stores import faults_of, said_of, score_files, unpack
from tests.reliability.contents import Fault, rows_of
from tests.reliability.processes import Nursery

SEQCLS = Path(sys.executable).with_name("seqcls")


@pytest.fixture
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a golden store, unpacked."""
    return unpack(request.param, tmp_path / request.param)


class Upgraded:
    """Golden stores that this version has scored with; what their score files were before; each unpacked once."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.folder, self.nursery = folder, nursery
        self.before: dict[str, dict[str, dict[str, str]]] = {}

    def copy_to(self, folder: Path, commit: str) -> Path:
        place = self.folder / commit
        if commit not in self.before:
            unpack(commit, place)
            self.before[commit] = all_scores(place)
            assert "all passed" in run(self.nursery, "doctor", place / f"{HISTORY}.toml")
            assert not score_all(self.nursery, place)
        return Path(shutil.copytree(place, folder / commit, symlinks=True))


@pytest.fixture(scope="module")
def upgraded(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    return Upgraded(tmp_path_factory.mktemp("upgraded"), nursery)


def run(nursery: Nursery, *arguments: str | Path) -> str:
    """A command that must end well; all that it printed."""
    done = nursery.run(*arguments)
    assert done.status == 0, done.text
    assert "Traceback" not in done.text, done.text
    return done.text


def deliver(old: Path, day: str) -> None:
    """A new night for every pipeline."""
    for config in sorted(old.glob("*.toml")):
        write_night(old, config.stem, day, 14)


def score_all(nursery: Nursery, old: Path) -> list[Fault]:
    """Score with every pipeline; what is wrong with the books then."""
    return [fault for config in sorted(old.glob("*.toml")) for fault in score(nursery, config)]


def score(nursery: Nursery, config: Path) -> list[Fault]:
    """The same with one."""
    run(nursery, "score", config)
    return faults_of(config.parent, config.stem)


def all_scores(old: Path) -> dict[str, dict[str, str]]:
    return {config.stem: score_files(old, config.stem) for config in old.glob("*.toml")}


@pytest.mark.parametrize(("old", "commit"), [(commit, commit) for commit in STORES], indirect=["old"])
def test_models_of_earlier_versions_answer_as_they_did(old: Path, commit: str) -> None:
    for kind, said in said_of(commit).items():
        with open_workspace(old / f"{kind}.toml") as workspace:
            known = {f"v{item.version}": item.model_digest for item in list_models(workspace.ledger, kind)}
            assert known == said["models"]
            assert champion(workspace).version == said["champion"]
            for name, answers in said["probabilities"].items():
                version = find_version(workspace, int(name[1:]))
                for sequence, wanted in zip(said["sequences"], answers, strict=True):
                    found = predict_one(workspace, version, sequence)["probabilities"]
                    assert found == pytest.approx(wanted, abs=1e-5), f"{kind} {name}: {sequence}"


@pytest.mark.parametrize("commit", STORES)
def test_scoring_goes_on_in_a_store_of_an_earlier_version(
    commit: str, upgraded: Upgraded, tmp_path: Path, nursery: Nursery
) -> None:
    old = upgraded.copy_to(tmp_path, commit)
    before, after = upgraded.before[commit], all_scores(old)
    for kind, files in before.items():
        assert files.items() <= after[kind].items(), "score files of before are as they were"
        assert kind == HISTORY or files == after[kind], "nothing to do but for the input that was left open"
    assert len(after[HISTORY].keys() - before[HISTORY].keys()) == 3 + 1, "three chunks, and the rows rejected"
    deliver(old, "2026-11-05")
    assert not score_all(nursery, old)
    assert rows_counted(nursery, old, HISTORY) == sum(len(rows_of(path)) for path in nights(old, HISTORY))


@pytest.mark.parametrize("commit", STORES)
def test_a_store_of_an_earlier_version_is_scored_again_repaired_and_cleared(
    commit: str, upgraded: Upgraded, tmp_path: Path, nursery: Nursery
) -> None:
    old = upgraded.copy_to(tmp_path, commit)
    config = old / f"{HISTORY}.toml"
    run(nursery, "score", config, "--rescore")
    assert not faults_of(old, HISTORY)
    assert models_counted(nursery, old) == {"v2"}
    before = all_scores(old)
    for path in (old / "store").glob("ledger.db*"):
        path.unlink()
    assert nursery.run("score", config).status == 5, "a lost ledger is noticed"
    assert "scored chunks" in run(nursery, "doctor", config, "--repair")
    if broken := list(config.parent.glob("incoming/tokens/broken-*")):  # which files were set aside, no artefact says
        told = nursery.run("score", config)
        assert told.status == 3, told.text
        assert broken[0].name in told.text
    assert not score_all(nursery, old)
    run(nursery, "gc", config, "--age", "0")
    assert not score(nursery, config)
    assert all_scores(old) == before, "nothing was scored twice, nothing went"
    assert "all passed" in run(nursery, "doctor", config)


@pytest.mark.fault(
    "O02",
    tried="rolled back once more in stores of earlier versions, where v3 had been rolled back to v2",
    outcome="v1 is champion, not the v3 that had been rolled back; its scores count where there are any",
)
@pytest.mark.parametrize("old", STORES, indirect=True)
def test_rolling_back_goes_down_the_history_that_an_earlier_version_wrote(old: Path, nursery: Nursery) -> None:
    config = old / f"{HISTORY}.toml"
    assert "is now tokens@v1" in run(nursery, "rollback", config)
    assert not score(nursery, config)
    by_night = {str(item["file"])[-14:-4]: item["models"] for item in current(nursery, old)}
    assert by_night["2026-10-01"] == [1]
    assert by_night["2026-10-03"] == [1, 2], "v2 had scored two of its three chunks when it was killed"


@pytest.mark.fault(
    "N01",
    tried="the installed command scores new files in stores of earlier versions, whose champions were raced with "
    "other engines or on another machine",
    outcome="a line says so, PyTorch scores, and the scores are published",
)
@pytest.mark.parametrize(("old", "installed"), [("d711b28", False), ("bda84f0", True)], indirect=["old"])
def test_scoring_after_an_upgrade_publishes_with_a_note_on_the_engine(
    old: Path, installed: bool, nursery: Nursery
) -> None:
    deliver(old, "2026-11-05")
    said = command("score", old / f"{RACED}.toml") if installed else run(nursery, "score", old / f"{RACED}.toml")
    assert re.search(r"torch scores: \S+@v1 was raced", said), "the engine that scores, and why"
    assert not faults_of(old, RACED)


@pytest.mark.fault(
    "N01",
    tried="a bit of the record of the champion's race flipped, or the record deleted, before new files are scored",
    outcome="a line says so, PyTorch scores, and the scores are published",
)
@pytest.mark.parametrize("old", ["bda84f0"], indirect=True)
def test_scoring_without_the_record_of_the_race_publishes(old: Path, nursery: Nursery) -> None:
    config, races = old / f"{RACED}.toml", old / "store" / "artefacts" / "race"
    run(nursery, "promote", config, "--version", "1")  # races on this machine
    assert "raced" not in run(nursery, "score", config)
    for record in races.glob("*/race.json"):
        data = bytearray(record.read_bytes())
        data[len(data) // 2] ^= 1
        record.write_bytes(data)
    deliver(old, "2026-11-05")
    assert "the record of its race is damaged" in run(nursery, "score", config)
    assert not faults_of(old, RACED)
    shutil.rmtree(races)
    deliver(old, "2026-11-06")
    assert "the record of its race is gone" in run(nursery, "score", config)
    assert not faults_of(old, RACED)


def command(*arguments: str | Path) -> str:
    """The installed command, in a process of its own; what it printed on standard error."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([SEQCLS, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def nights(old: Path, kind: str) -> list[Path]:
    return sorted((old / "incoming" / kind).glob("night-*.csv"))


def current(nursery: Nursery, old: Path) -> list[dict[str, object]]:
    text = run(nursery, "scores", old / f"{HISTORY}.toml", "--current", "--json")
    return list(json.loads(text))


def rows_counted(nursery: Nursery, old: Path, kind: str) -> int:
    return sum(int(str(item["rows_in"])) for item in current(nursery, old))


def models_counted(nursery: Nursery, old: Path) -> set[str]:
    """Versions whose scores count."""
    return {f"v{number}" for item in current(nursery, old) for number in item["models"]}  # type: ignore[attr-defined]
