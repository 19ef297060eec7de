"""The ledger on SQLite and on a real PostgreSQL: one answer under races, kills and stale claims."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.exc import OperationalError

from seqcls.errors import ConfigRefused, Corrupted, WorldFailed
from seqcls.ledger import Database, open_database
from seqcls.ledger.chunks import (
    ChunkResult,
    Claim,
    claim_chunk,
    close_input,
    commit_chunk,
    done_chunks,
    list_inputs,
    open_input,
    release_chunk,
    see_input,
    sum_chunks,
)
from seqcls.ledger.models import (
    AliasMove,
    AliasMoved,
    AliasState,
    add_model,
    alias_history,
    get_alias,
    list_models,
    set_alias,
)
from seqcls.ledger.schema import aliases, chunks
from seqcls.ledger.stages import find_stage, record_stage
from seqcls.table import ScoreCounts

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str | None]:
    """Arguments of open_database; PostgreSQL starts empty for each test."""
    if request.param == "sqlite":
        return tmp_path, None
    monkeypatch.setenv("SEQCLS_TEST_LEDGER", request.getfixturevalue("postgres_url"))
    return tmp_path, "SEQCLS_TEST_LEDGER"


@pytest.fixture
def ledger(place: tuple[Path, str | None]) -> Iterator[Database]:
    database = open_database(*place)
    yield database
    database.close()


def alive(_owner: str) -> bool:
    return False


def result(scored: int, run: str = "r") -> ChunkResult:
    return ChunkResult(1, "d" * 64, ScoreCounts(scored + 1, scored, 1), run, f"part-{run}.parquet")


@pytest.mark.slow
def test_a_stage_is_found_by_its_key_and_replaced(ledger: Database) -> None:
    assert find_stage(ledger, "k") is None
    record_stage(ledger, "k", "ingest", "table", "d1", {"seconds": 1.5})
    record_stage(ledger, "k", "ingest", "table", "d2", {})
    assert find_stage(ledger, "k") == ("table", "d2", {})


@pytest.mark.slow
def test_versions_count_up_and_the_same_model_keeps_its_own(ledger: Database) -> None:
    first = add_model(ledger, "ecg", "m1", "e1", {"table": "t"}, {"accuracy": 0.9}, "r1")
    again = add_model(ledger, "ecg", "m1", "e1", {"table": "t"}, {"accuracy": 0.9}, "r2")
    second = add_model(ledger, "ecg", "m2", "e2", {}, {}, "r3")
    other = add_model(ledger, "dna", "m1", "e1", {}, {}, "r4")
    assert (first.version, again.version, second.version, other.version) == (1, 1, 2, 1)
    assert [item.name for item in list_models(ledger, "ecg")] == ["ecg@v1", "ecg@v2"]


@pytest.mark.parametrize("step", ["begin", "commit"])
def test_a_move_is_written_down_once_however_busy_the_database_is(ledger: Database, step: str) -> None:
    """At the beginning the transaction is repeated; once the move is written down, nothing is."""
    add_model(ledger, "ecg", "m1", "e", {}, {}, "r")
    written: list[AliasMove] = []

    def journal(move: AliasMove) -> tuple[AliasMove, str]:
        written.append(move)
        return move, "digest"

    def be_busy(_connection: object) -> None:
        event.remove(ledger.engine, step, be_busy)
        raise OperationalError("", {}, sqlite3.OperationalError("database is locked"))

    event.listen(ledger.engine, step, be_busy, insert=True)
    fails = pytest.raises(WorldFailed, match="did not answer") if step == "commit" else nullcontext()
    with fails:
        set_alias(ledger, "ecg", "champion", AliasState(None, 0), 1, "ann", "gate passed", journal)
    assert len(written) == 1
    assert get_alias(ledger, "ecg", "champion").counter == (0 if step == "commit" else 1)


def test_an_alias_moves_by_compare_and_set_and_each_move_is_written_down(ledger: Database) -> None:
    for number in (1, 2):
        add_model(ledger, "ecg", f"m{number}", "e", {}, {}, "r")
    nowhere = get_alias(ledger, "ecg", "champion")
    assert nowhere == AliasState(None, 0)
    first = set_alias(ledger, "ecg", "champion", nowhere, 1, "ann", "gate passed")
    with pytest.raises(AliasMoved, match="moved by another process"):
        set_alias(ledger, "ecg", "champion", nowhere, 2, "bob", "late")
    set_alias(ledger, "ecg", "champion", first, 2, "ann", "better")
    with pytest.raises(AliasMoved):
        set_alias(ledger, "ecg", "champion", first, 1, "bob", "late")
    assert get_alias(ledger, "ecg", "champion") == AliasState(2, 2)
    assert [(m.from_version, m.to_version, m.who) for m in alias_history(ledger, "ecg", "champion")] == [
        (None, 1, "ann"),
        (1, 2, "ann"),
    ]


def test_a_chunk_is_committed_once_by_the_holder_of_the_newest_token(ledger: Database) -> None:
    see_input(ledger, "ecg", "i", "a.csv")
    stale = claim_chunk(ledger, "ecg", "i", 0, "one", -1.0, alive)  # a lease that has run out already
    assert stale == Claim("ecg", "i", 0, 1, number=2)  # 1 is the number of the sighting
    fresh = claim_chunk(ledger, "ecg", "i", 0, "two", 60.0, alive)
    assert fresh is not None
    assert (fresh.token, fresh.number) == (2, 3)
    assert not commit_chunk(ledger, stale, result(5, "stale"))
    assert commit_chunk(ledger, fresh, result(5, "fresh"))
    assert not commit_chunk(ledger, fresh, result(5, "again"))
    assert claim_chunk(ledger, "ecg", "i", 0, "three", 60.0, alive) is None
    assert [chunk.run_id for chunk in done_chunks(ledger, "ecg")] == ["fresh"]
    assert sum_chunks(done_chunks(ledger, "ecg")) == ScoreCounts(6, 5, 1)


def test_a_held_chunk_is_left_alone_until_its_owner_is_gone_or_gives_it_back(ledger: Database) -> None:
    see_input(ledger, "ecg", "i", "a.csv")
    held = claim_chunk(ledger, "ecg", "i", 0, "one", 60.0, alive)
    assert held is not None
    assert claim_chunk(ledger, "ecg", "i", 0, "two", 60.0, alive) is None
    taken = claim_chunk(ledger, "ecg", "i", 0, "two", 60.0, lambda owner: owner == "one")
    assert taken is not None
    release_chunk(ledger, held)  # a stale claim gives nothing back
    assert claim_chunk(ledger, "ecg", "i", 0, "three", 60.0, alive) is None
    release_chunk(ledger, taken)
    assert claim_chunk(ledger, "ecg", "i", 0, "three", 60.0, alive) is not None


def test_an_input_is_known_by_content_and_keeps_its_first_name_and_chunks(ledger: Database) -> None:
    see_input(ledger, "ecg", "i", "a.csv")
    see_input(ledger, "ecg", "i", "copy of a.csv")
    open_input(ledger, "ecg", "i", "checked1", 100)
    row = open_input(ledger, "ecg", "i", "checked2", 7)
    assert (row.checked_digest, row.chunk_rows) == ("checked1", 100)
    close_input(ledger, "ecg", "i", "done", rows_in=3, scored=2, rejected=1, abstained=0)
    assert [(item.name, item.state, item.rows_in) for item in list_inputs(ledger, "ecg")] == [("a.csv", "done", 3)]


def count_up(place: tuple[Path, str | None], times: int, barrier: object) -> None:
    """One of several processes that add models and move the champion as fast as they can."""
    database = open_database(*place)
    barrier.wait()  # type: ignore[attr-defined]
    for number in range(times):
        version = add_model(database, "race", f"{os.getpid()}-{number}", "e", {}, {}, "r").version
        while True:
            try:
                set_alias(
                    database,
                    "race",
                    "champion",
                    get_alias(database, "race", "champion"),
                    version,
                    str(os.getpid()),
                    "race",
                )
                break
            except AliasMoved:
                continue
    database.close()


@pytest.mark.slow
def test_racing_processes_lose_no_update_and_see_no_error(place: tuple[Path, str | None]) -> None:
    workers, times = 4, 25
    open_database(*place).close()
    barrier = SPAWN.Barrier(workers)
    processes = [SPAWN.Process(target=count_up, args=(place, times, barrier)) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * workers
    database = open_database(*place)
    assert [item.version for item in list_models(database, "race")] == list(range(1, workers * times + 1))
    moves = alias_history(database, "race", "champion")
    assert [move.counter for move in moves] == list(range(1, workers * times + 1))
    assert [move.from_version for move in moves[1:]] == [move.to_version for move in moves[:-1]]
    database.close()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_of_two_first_moves_at_once_the_second_is_told_that_it_was_late(
    place: tuple[Path, str | None], ledger: Database
) -> None:
    """SQLite lets one writer in; on PostgreSQL both look before either has committed."""
    other = open_database(*place)
    version = add_model(ledger, "race", "m", "e", {}, {}, "r").version
    nobody = AliasState(None, 0)
    with ThreadPoolExecutor(1) as pool:
        with ledger.engine.begin() as first:
            values = {"pipeline": "race", "alias": "champion", "version": version, "counter": 1}
            first.execute(insert(aliases).values(**values))
            second = pool.submit(set_alias, other, "race", "champion", nobody, version, "b", "race")
            while not second.done() and not first.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).first():
                pass
        with pytest.raises(AliasMoved):
            second.result(60)
    other.close()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_of_two_first_claims_at_once_the_second_finds_the_chunk_held(
    place: tuple[Path, str | None], ledger: Database
) -> None:
    """Both look before either has written; who is late waits for the other, looks again, and goes on without it."""
    other = open_database(*place)
    with ThreadPoolExecutor(1) as pool:
        with ledger.engine.begin() as first:
            values = {"pipeline": "race", "input_digest": "i", "chunk": 0, "state": "claimed", "token": 1}
            first.execute(insert(chunks).values(**values, lease_until=ledger.now(first) + 60.0, owner="a"))
            second = pool.submit(claim_chunk, other, "race", "i", 0, "b", 60.0, alive)
            while not second.done() and not first.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted")).first():
                pass
        assert second.result(60) is None
    other.close()


def test_the_sqlite_ledger_is_private(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_a_damaged_ledger_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(Corrupted, match="the ledger is damaged"):
        open_database(tmp_path)


def test_a_ledger_of_another_schema_is_not_touched(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE settings SET value = '99' WHERE name = 'schema'")
    database.close()
    with pytest.raises(ConfigRefused, match="schema 99"):
        open_database(tmp_path)


@pytest.mark.parametrize(
    ("value", "words"),
    [("", "is empty"), ("mysql://u:secret@h/d", "'mysql' is not supported"), ("no url", "not a database URL")],
)
def test_a_wrong_ledger_url_is_refused_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    monkeypatch.setenv("LEDGER", value)
    with pytest.raises(ConfigRefused, match=words) as caught:
        open_database(tmp_path, "LEDGER")
    assert "secret" not in str(caught.value)
