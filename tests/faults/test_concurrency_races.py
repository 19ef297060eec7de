"""Promotion, rollback, scoring, cleaning and backups at once: no lost move, no mixed chunk, nothing deleted."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from seqcls.ledger.models import alias_history
from seqcls.registry.versions import CHAMPION
from seqcls.store.parquet import read_parquet
from seqcls.workspace import open_workspace
from tests.faults.failing_calls import add_night, check_one_message, published
from tests.reliability.invariants import Books, count_final, count_visible
from tests.reliability.processes import Nursery


@pytest.fixture(scope="module")
def two_versions(scored: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scored project with a second version, and new data to score in chunks of 5 rows."""
    config = Path(shutil.copytree(scored, tmp_path_factory.mktemp("two") / "project")) / "pairs.toml"
    config.write_text(
        config.read_text().replace("epochs = 3", "epochs = 2").replace("chunk_rows = 40", "chunk_rows = 5")
    )
    assert nursery.run("train", config).status == 0
    add_night(config)
    return config.parent


@pytest.mark.fault(
    "F72",
    tried="two scorings while four processes promote and roll back",
    outcome="each move of the champion starts where the one before ended; who comes late is told so; each chunk has "
    "one model; each row stands once",
)
def test_promotion_rollback_and_scoring_at_once(
    two_versions: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(two_versions)
    with open_workspace(config) as workspace:
        before = len(alias_history(workspace.ledger, "pairs", CHAMPION))
    scoring = [nursery.start("score", config) for _ in range(2)]
    moving = [
        nursery.start("promote", config, "--version", "2", "--force", "--why", "race"),
        nursery.start("rollback", config),
        nursery.start("promote", config, "--version", "1", "--force", "--why", "race"),
        nursery.start("promote", config, "--version", "2", "--force", "--why", "race"),
    ]
    for command in scoring:
        assert command.wait() == 0, command.text
    moved = 0
    for command in moving:
        assert command.wait() in (0, 2, 5), command.text
        assert "Traceback" not in command.text
        assert command.status == 0 or "moved by another process" in command.text or "no earlier" in command.text
        moved += command.status == 0 and "already" not in command.text
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()
    check_moves(config, before + moved)
    check_one_model_a_file(config)


def check_moves(config: Path, moves: int) -> None:
    with open_workspace(config) as workspace:
        history = alias_history(workspace.ledger, "pairs", CHAMPION)
    assert [move.counter for move in history] == list(range(1, moves + 1))
    assert [move.from_version for move in history] == [None, *(move.to_version for move in history[:-1])]


def check_one_model_a_file(config: Path) -> None:
    for path in (config.parent / "scores").glob("model=*/*/part-*.parquet"):
        models = set(read_parquet(path)["model"].to_pylist())
        assert {model.rpartition("@v")[2] for model in models} == {path.parts[-3].removeprefix("model=v")}


@pytest.mark.fault(
    "F73",
    tried="a copy of the ledger made page by page, again and again, while scoring",
    outcome="the scoring does not notice; each copy is sound",
)
def test_a_backup_while_scoring_disturbs_nobody(trained: Path, nursery: Nursery, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    ended, copies = threading.Event(), list[str]()
    thread = threading.Thread(target=back_up, args=(config, ended, copies))
    thread.start()
    done = nursery.run("score", config)
    ended.set()
    thread.join()
    assert done.status == 0, done.text
    assert count_final(config) == Books()
    assert copies
    assert set(copies) == {"ok"}


def back_up(config: Path, ended: threading.Event, copies: list[str]) -> None:
    while not ended.is_set() or not copies:
        with (
            closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as source,
            closing(sqlite3.connect(":memory:")) as target,
        ):
            source.backup(target, pages=4, sleep=0.001)
            copies.append(target.execute("PRAGMA integrity_check").fetchone()[0])


@pytest.mark.fault(
    "F73",
    tried="a process that holds the ledger's write lock, for a second, and for longer than is waited",
    outcome="waited for; in the end one message, exit code 5, and the rerun completes",
)
def test_a_stopped_writer_is_waited_for_then_named(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    with closing(sqlite3.connect(config.parent / "store" / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        patience = {"seqcls.ledger.database:BUSY_SECONDS": 0.1, "seqcls.ledger.database:ATTEMPTS": 2}
        message = check_one_message(nursery.run("score", config, patches=patience))
        assert "the ledger did not answer (database is locked)" in message
        assert "run the same command again" in message
        waiting = nursery.start("score", config)
        time.sleep(1.0)
        assert waiting.poll() is None, waiting.text
        other.execute("ROLLBACK")
    assert waiting.wait() == 0, waiting.text
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F74",
    tried="gc again and again while new data is scored and a model is trained",
    outcome="all of them end well; doctor finds every artefact that the ledger names, whole",
)
def test_cleaning_takes_nothing_from_those_who_work(
    two_versions: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(two_versions)
    working = [nursery.start("score", config), nursery.start("train", config)]
    cleaned = 0
    while any(command.poll() is None for command in working) or not cleaned:
        clean = nursery.run("gc", config, "--keep", "1")
        assert clean.status == 0, clean.text
        cleaned += 1
    for command in working:
        assert command.wait() == 0, command.text
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()
    assert nursery.run("doctor", config).status == 0


@pytest.mark.fault(
    "F74",
    tried="two installs, each with a ledger of its own, that publish into one folder",
    outcome="the second is refused, exit code 3, naming the file; what the first wrote stays byte for byte",
)
def test_two_installs_with_one_output_folder_are_told_apart(
    scored: Path, untrained: Path, nursery: Nursery, tmp_path: Path
) -> None:
    first = Path(shutil.copytree(scored, tmp_path / "first")) / "pairs.toml"
    second = Path(shutil.copytree(untrained, tmp_path / "second")) / "pairs.toml"
    text = (
        second.read_text().replace("epochs = 3", "epochs = 1").replace("[score]", '[score]\noutput = "../first/scores"')
    )
    second.write_text(text)
    before = published(first)
    assert nursery.run("train", second).status == 0
    assert nursery.run("promote", second, "--force", "--why", "test").status == 0
    refused = nursery.run("score", second)
    assert refused.status == 3, refused.text
    assert "other scores stand there, which this ledger does not know" in refused.text
    assert "give each install its own score.output" in refused.text
    assert published(first).items() >= before.items()
    second.write_text(text.replace("../first/scores", "scores"))
    assert nursery.run("score", second).status == 0
    assert count_final(second) == Books()
    assert count_visible(first) == Books()
