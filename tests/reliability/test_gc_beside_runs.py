"""gc held in the middle of its work while a run takes up what it was about to delete: nothing that counts goes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

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


def forget_versions(config: Path) -> None:
    """As after a ledger that was rebuilt, or a kill before the version was written."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger, ledger:
        ledger.execute("DELETE FROM models")
