"""Several runs at once, and one that sleeps past its lease: each row once, one model, nobody disturbed."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.invariants import Books, count_final, count_ids, model_digests
from tests.reliability.processes import Nursery


@pytest.mark.fault(
    "F70",
    tried="two scorings of the same new data at once",
    outcome="each chunk is scored by one of them; no row is lost or occurs twice",
)
@pytest.mark.parametrize("trial", range(5))
def test_two_scorings_at_once_score_each_row_once(
    trial: int, trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    config.write_text(config.read_text().replace("chunk_rows = 40", "chunk_rows = 5"))
    running = [nursery.start("score", config) for _ in range(2)]
    for command in running:
        assert command.wait() == 0, command.text
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()
    assert count_ids(config) == Books()


@pytest.mark.fault(
    "F70",
    tried="two trainings of one pipeline at once",
    outcome="both end well with one version, that of an undisturbed training",
)
@pytest.mark.parametrize("trial", range(2))
def test_two_trainings_at_once_make_one_version(
    trial: int, untrained: Path, trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(untrained)
    running = [nursery.start("train", config) for _ in range(2)]
    for command in running:
        assert command.wait() == 0, command.text
    assert model_digests(config) == model_digests(trained / "pairs.toml")


@pytest.mark.fault(
    "F71",
    tried="a scoring stopped (SIGSTOP) past its lease, and continued after another run took its chunk",
    outcome="its work is dropped by the fencing token; each row stands once",
)
def test_a_run_that_sleeps_past_its_lease_is_fenced(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    patches = {"seqcls.scoring.chunks:LEASE_SECONDS": 0.2}
    sleeper = nursery.start("score", config, failpoint="chunk_scored=stop", patches=patches)
    sleeper.wait_until_stopped()
    time.sleep(0.3)
    other = nursery.run("score", config)
    assert other.status == 0, other.text
    sleeper.send(signal.SIGCONT)
    assert sleeper.wait() == 0, sleeper.text
    with sqlite3.connect(config.parent / "store" / "ledger.db") as ledger:
        rows = ledger.execute("SELECT token, owner FROM chunks ORDER BY chunk").fetchall()
    ledger.close()
    assert rows[0][0] == 2
    assert {owner.split(":")[1] for _, owner in rows} == {str(other.pid)}
    assert count_final(config) == Books()


def test_a_run_that_sleeps_within_its_lease_is_waited_for(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    sleeper = nursery.start("score", config, failpoint="chunk_claimed=stop")
    sleeper.wait_until_stopped()
    other = nursery.run("score", config, "--json")
    assert other.status == 0, other.text
    sleeper.send(signal.SIGCONT)
    assert sleeper.wait() == 0, sleeper.text
    assert count_final(config) == Books()
