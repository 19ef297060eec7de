"""gc held in the middle of its work while a run takes up what it was about to delete: nothing that counts goes."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from seqcls.stages import INGEST, run
from seqcls.workspace import keep_notes, open_workspace
from tests.reliability.invariants import Books, count_final
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

Copy = Callable[[Path], Path]
TRIED = (
    "artefacts of a training that was killed before it registered anything; gc --age 0 held once their rows are gone"
)


@pytest.mark.fault(
    "N10",
    tried=f"{TRIED}, while a training finds or makes the same artefacts, and registers and promotes",
    outcome="gc reads again who needs what before and after it renames each one: the champion stays whole",
)
@pytest.mark.parametrize("point", ["rows_released", "artefact_condemned"])
def test_gc_beside_a_training_that_registers(point: str, untrained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(untrained)
    killed = nursery.run("train", config, failpoint="model_registered=kill")
    assert killed.status == -signal.SIGKILL, killed.text
    forget_versions(config)
    cleaning = nursery.start("gc", config, "--age", "0", failpoint=f"{point}=stop")
    cleaning.wait_until_stopped()
    done = nursery.run("train", config)
    assert done.status == 0, done.text
    cleaning.send(signal.SIGCONT)
    assert cleaning.wait() == 0, cleaning.text
    well = nursery.run("doctor", config)
    assert well.status == 0, well.text


@pytest.mark.fault(
    "N10",
    tried=f"{TRIED}; a training stopped when it has taken them up, and gone on with when gc has ended",
    outcome="what a living run has noted stays, although no row names it yet",
)
def test_gc_beside_a_training_that_has_not_registered_yet(untrained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(untrained)
    training = nursery.start("train", config, failpoint="stage_recorded=stop@4")
    training.wait_until_stopped()
    cleaned = nursery.run("gc", config, "--age", "0")
    assert cleaned.status == 0, cleaned.text
    training.send(signal.SIGCONT)
    assert training.wait() == 0, training.text
    well = nursery.run("doctor", config)
    assert well.status == 0, well.text
    assert not list((config.parent / "store").glob(".tmp-*")), "notes go with the run"


@pytest.mark.fault(
    "N10",
    tried="gc --age 0 held once rows are gone, while a night is scored",
    outcome="each row is scored once; doctor is content",
)
def test_gc_beside_a_scoring(scored: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(scored)
    write_rows(config.parent / "incoming" / "second.csv", 30, seed=2, labelled=False)
    scoring = nursery.start("score", config, failpoint="input_opened=stop")
    scoring.wait_until_stopped()
    cleaning = nursery.start("gc", config, "--age", "0", failpoint="rows_released=stop")
    cleaning.wait_until_stopped()
    scoring.send(signal.SIGCONT)
    assert scoring.wait() == 0, scoring.text
    cleaning.send(signal.SIGCONT)
    assert cleaning.wait() == 0, cleaning.text
    assert count_final(config) == Books()
    well = nursery.run("doctor", config)
    assert well.status == 0, well.text


@pytest.mark.fault(
    "N10",
    tried="gc --keep 1 --age 0 held before and after it lets go of an old version; that version is promoted meanwhile",
    outcome="promoted and whole, or refused as gone, in one message: never a champion without its model",
)
@pytest.mark.parametrize("point", ["rows_released", "artefact_condemned"])
def test_promote_beside_a_gc_that_retires_the_version(point: str, spare: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(spare)
    cleaning = nursery.start("gc", config, "--keep", "1", "--age", "0", failpoint=f"{point}=stop")
    cleaning.wait_until_stopped()
    late = nursery.run("promote", config, "--version", "2", "--force", "--why", "after the rows are gone")
    assert late.status == 2, late.text
    assert "there is no version 2" in late.text
    cleaning.send(signal.SIGCONT)
    assert cleaning.wait() == 0, cleaning.text
    well = nursery.run("doctor", config)
    assert well.status == 0, well.text


@pytest.mark.fault(
    "N10",
    tried="promote held when it has noted an old version; gc --keep 1 --age 0 meanwhile",
    outcome="what it has noted stays: champion, whole",
)
def test_gc_beside_a_promotion(spare: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(spare)
    options = ("--version", "2", "--force", "--why", "held")
    promoting = nursery.start("promote", config, *options, failpoint="promotion_decided=stop")
    promoting.wait_until_stopped()
    cleaned = nursery.run("gc", config, "--keep", "1", "--age", "0")
    assert cleaned.status == 0, cleaned.text
    promoting.send(signal.SIGCONT)
    assert promoting.wait() == 0, promoting.text
    well = nursery.run("doctor", config)
    assert well.status == 0, well.text
    assert nursery.run("predict", config, "w1 first w2 second").status == 0


@pytest.fixture(scope="module")
def spare(trained: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions: v1 is champion, v2 was never, v3 is the newest."""
    config = Path(shutil.copytree(trained, tmp_path_factory.mktemp("spare") / "project")) / "pairs.toml"
    config.write_text(config.read_text() + "[promote]\nautomatic = false\n")
    for epochs in (2, 1):
        config.write_text(re.sub("epochs = .", f"epochs = {epochs}", config.read_text()))
        done = nursery.run("train", config)
        assert done.status == 0, done.text
    return config.parent


@pytest.mark.fault(
    "N10",
    tried="gc --age 0 between two tasks of a run, when no row names what the first has made",
    outcome="the process of the run notes it until the run ends; afterwards it goes",
)
def test_gc_between_two_tasks_of_a_run(untrained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(untrained)
    with keep_notes(config):
        with open_workspace(config) as workspace:
            table = run(workspace, INGEST, {}).ref
        forget_stages(config)
        cleaned = nursery.run("gc", config, "--age", "0")
        assert cleaned.status == 0, cleaned.text
        with open_workspace(config) as workspace:
            assert workspace.store.whole(table.kind, table.digest)
    assert not list((config.parent / "store").glob(".tmp-*")), "notes go with the run"
    assert nursery.run("gc", config, "--age", "0").status == 0
    assert not table.folder.exists()


def forget_stages(config: Path) -> None:
    with closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger, ledger:
        ledger.execute("DELETE FROM stages")


def forget_versions(config: Path) -> None:
    """As after a ledger that was rebuilt, or a kill before the version was written."""
    with closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger, ledger:
        ledger.execute("DELETE FROM models")
