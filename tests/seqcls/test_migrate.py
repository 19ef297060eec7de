"""A ledger of an earlier schema is opened: every row is there, and what was scored is not scored again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from seqcls.errors import WorldFailed
from seqcls.ledger import Database, open_database
from seqcls.ledger.chunks import done_chunks, list_inputs, see_input, sum_chunks
from seqcls.ledger.models import alias_history
from seqcls.ledger.schema import metadata
from seqcls.ledger.set_aside import set_aside_since
from seqcls.ledger.sightings import list_sightings
from seqcls.registry.versions import CHAMPION
from seqcls.road import score_pipeline
from seqcls.scoring.current import list_scorings
from seqcls.table import ScoreCounts
from seqcls.workspace import open_workspace
from tests.reliability.invariants import digests_of

# As schema 1 made them (release of November 2026).
SCHEMA_1 = """
CREATE TABLE settings (name VARCHAR(64) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE alias_changes (pipeline VARCHAR(64) NOT NULL, alias VARCHAR(32) NOT NULL, counter INTEGER NOT NULL,
 from_version INTEGER, to_version INTEGER NOT NULL, who VARCHAR(128) NOT NULL, why TEXT NOT NULL,
 changed_at FLOAT NOT NULL, PRIMARY KEY (pipeline, alias, counter));
CREATE TABLE inputs (pipeline VARCHAR(64) NOT NULL, input_digest VARCHAR(64) NOT NULL, name TEXT NOT NULL,
 state VARCHAR(16) NOT NULL, detail TEXT NOT NULL, checked_digest VARCHAR(64), chunk_rows INTEGER, rows_in INTEGER,
 scored INTEGER, rejected INTEGER, abstained INTEGER, seen_at FLOAT NOT NULL, PRIMARY KEY (pipeline, input_digest));
CREATE TABLE chunks (pipeline VARCHAR(64) NOT NULL, input_digest VARCHAR(64) NOT NULL, chunk INTEGER NOT NULL,
 state VARCHAR(16) NOT NULL, token INTEGER NOT NULL, lease_until FLOAT NOT NULL, owner VARCHAR(128) NOT NULL,
 model_version INTEGER, scores_digest VARCHAR(64), rows_in INTEGER, scored INTEGER, rejected INTEGER,
 abstained INTEGER, run_id VARCHAR(64), committed_at FLOAT, published_as TEXT, published INTEGER,
 PRIMARY KEY (pipeline, input_digest, chunk));
INSERT INTO settings VALUES ('schema', '1');
INSERT INTO alias_changes VALUES ('ecg', 'champion', 1, NULL, 1, 'ann', 'gate passed', 5.5);
INSERT INTO inputs VALUES ('ecg', 'i', 'a.csv', 'done', '', 'c', 40, 6, 5, 1, 0, 86400.0);
INSERT INTO inputs VALUES ('ecg', 'j', 'of-2026-11-22.csv', 'open', '', NULL, NULL, NULL, NULL, NULL, NULL, 1.0);
INSERT INTO chunks VALUES ('ecg', 'i', 0, 'done', 1, 9.0, 'me', 1, 's0', 4, 3, 1, 0, 'r', 7.0, 'p0', 1);
INSERT INTO chunks VALUES ('ecg', 'i', 1, 'done', 2, 9.0, 'me', 1, 's1', 2, 2, 0, 0, 'r', 8.0, 'p1', NULL);
INSERT INTO chunks VALUES ('ecg', 'j', 0, 'claimed', 1, 9.0, 'me',
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""


# As schema 2 made what schema 3 changes (release of 30 November 2026).
SCHEMA_2 = """
CREATE TABLE settings (name VARCHAR(64) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE alias_changes (pipeline VARCHAR(64) NOT NULL, alias VARCHAR(32) NOT NULL, counter INTEGER NOT NULL,
 from_version INTEGER, to_version INTEGER NOT NULL, who VARCHAR(128) NOT NULL, why TEXT NOT NULL,
 changed_at FLOAT NOT NULL, journal VARCHAR(64), PRIMARY KEY (pipeline, alias, counter));
CREATE TABLE sightings (pipeline VARCHAR(64) NOT NULL, name TEXT NOT NULL, input_digest VARCHAR(64) NOT NULL,
 seen_at FLOAT NOT NULL, PRIMARY KEY (pipeline, name, input_digest));
CREATE TABLE set_aside (pipeline VARCHAR(64) NOT NULL, name TEXT NOT NULL, input_digest VARCHAR(64) NOT NULL,
 told_at FLOAT NOT NULL, PRIMARY KEY (pipeline, name, input_digest));
CREATE TABLE chunks (pipeline VARCHAR(64) NOT NULL, input_digest VARCHAR(64) NOT NULL, rescored_with INTEGER NOT NULL,
 chunk INTEGER NOT NULL, state VARCHAR(16) NOT NULL, token INTEGER NOT NULL, lease_until FLOAT NOT NULL,
 owner VARCHAR(128) NOT NULL, model_version INTEGER, scores_digest VARCHAR(64), rows_in INTEGER, scored INTEGER,
 rejected INTEGER, abstained INTEGER, run_id VARCHAR(64), committed_at FLOAT, published_as TEXT, published INTEGER,
 PRIMARY KEY (pipeline, input_digest, rescored_with, chunk));
INSERT INTO settings VALUES ('schema', '2');
INSERT INTO alias_changes VALUES ('ecg', 'champion', 1, NULL, 1, 'ann', 'gate passed', 5.5, 'j1');
INSERT INTO sightings VALUES ('ecg', 'a.csv', 'later', 9.0);
INSERT INTO sightings VALUES ('ecg', 'a.csv', 'sooner', 1.0);
INSERT INTO sightings VALUES ('ecg', 'bad.csv', 'told', 3.0);
INSERT INTO sightings VALUES ('ecg', 'back.csv', 'news', 6.0);
INSERT INTO set_aside VALUES ('ecg', 'bad.csv', 'told', 4.0);
INSERT INTO set_aside VALUES ('ecg', 'back.csv', 'news', 5.0);
INSERT INTO chunks VALUES ('ecg', 'i', 0, 1, 'done', 2, 9.0, 'me', 1, 's1', 2, 2, 0, 0, 'r', 8.0, 'p1', NULL);
INSERT INTO chunks VALUES ('ecg', 'i', 0, 0, 'done', 1, 9.0, 'me', 1, 's0', 4, 3, 1, 0, 'r', 7.0, 'p0', 1);
"""
SCHEMAS = {1: SCHEMA_1, 2: SCHEMA_2}


def statements(schema: int) -> list[str]:
    return [part for part in SCHEMAS[schema].split(";") if part.strip()]


def fill_sqlite(store: Path, schema: int = 1) -> None:
    with sqlite3.connect(store / "ledger.db") as connection:
        connection.executescript(SCHEMAS[schema])
    connection.close()


Old = Callable[[int], tuple[Path, str | None]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def old(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Old:
    """Makes a ledger of an earlier schema; gives the arguments of open_database."""

    def make(schema: int) -> tuple[Path, str | None]:
        if request.param == "sqlite":
            fill_sqlite(tmp_path, schema)
            return tmp_path, None
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setenv("SEQCLS_TEST_OLD_LEDGER", url)
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(text(f"DROP TABLE IF EXISTS {table.name} CASCADE"))
            for statement in statements(schema):
                connection.execute(text(statement))
        engine.dispose()
        return tmp_path, "SEQCLS_TEST_OLD_LEDGER"

    return make


def check_chunks_and_moves(database: Database, journal: str | None) -> None:
    chunks = [(row.chunk, row.rescored_with, row.scores_digest, row.published, row.number)
              for row in done_chunks(database, "ecg")]  # fmt: skip
    assert chunks == [(0, 0, "s0", 1, 0), (1, 0, "s1", None, 0)]
    assert sum_chunks(done_chunks(database, "ecg")) == ScoreCounts(6, 5, 1)
    moves = [(move.who, move.changed_at, move.journal, move.serial, move.kind)
             for move in alias_history(database, "ecg", "champion")]  # fmt: skip
    assert moves == [("ann", 5.5, journal, 0, "")]


@pytest.mark.slow
def test_every_row_of_an_earlier_schema_is_there(old: Old) -> None:
    place = old(1)
    for _ in range(2):  # opened again, nothing is left to do
        with closing(open_database(*place)) as database:
            rows = [
                (row.input_digest, row.rescored_with, row.day, row.state) for row in list_inputs(database, "ecg", None)
            ]
            assert rows == [("j", 0, None, "open"), ("i", 0, None, "done")]
            check_chunks_and_moves(database, None)
    if place[1] is None:
        (place[0] / "ledger.db").unlink()
    place = old(2)
    for _ in range(2):
        with closing(open_database(*place)) as database:
            check_chunks_and_moves(database, "j1")
            names = [(row.name, row.input_digest, row.number, row.record) for row in list_sightings(database, "ecg")]
            assert names == [  # by their times, before all that has a number
                ("a.csv", "sooner", 0, None), ("bad.csv", "told", 0, None), ("back.csv", "news", 0, None),
                ("a.csv", "later", 0, None),
            ]  # fmt: skip
            assert set_aside_since(database, "ecg") == {("bad.csv", "told"): 4.0}
    with closing(open_database(*place)) as database:
        see_input(database, "ecg", "sooner", "a.csv")
        assert list_sightings(database, "ecg")[-1].input_digest == "sooner"
        assert list_sightings(database, "ecg")[-1].number == 1


def test_a_step_that_fails_leaves_schema_1_as_it_was(tmp_path: Path) -> None:
    fill_sqlite(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("ALTER TABLE alias_changes ADD COLUMN journal TEXT")  # the last step will find it there
    before = list(connection.iterdump())
    connection.close()
    with pytest.raises(WorldFailed, match="duplicate column name: journal"):
        open_database(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        after = list(connection.iterdump())
    connection.close()
    assert [line for line in after if "INSERT" in line] == [line for line in before if "INSERT" in line]


def back_to(config: Path, schema: int) -> None:
    """The ledger of a project as an earlier schema had it."""
    new = {"rescored_with", "day", "journal", "number", "serial", "kind", "record"}
    tables = {1: ("inputs", "chunks", "alias_changes"), 2: ("sightings", "chunks", "alias_changes")}[schema]
    with sqlite3.connect(config.parent / "store" / "ledger.db") as connection:
        for table in tables:
            ddl = next(part for part in statements(schema) if f"CREATE TABLE {table} " in part)
            kept = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            kept = [name for name in kept if name not in new or f" {name} " in ddl]
            connection.execute(ddl.replace(f"CREATE TABLE {table} ", f"CREATE TABLE old_{table} "))
            connection.execute(f"INSERT INTO old_{table} ({', '.join(kept)}) SELECT {', '.join(kept)} FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE old_{table} RENAME TO {table}")
        connection.execute("DROP TABLE counters")
        connection.execute(f"UPDATE settings SET value = '{schema}' WHERE name = 'schema'")
    connection.close()


@pytest.mark.parametrize("schema", [1, 2])
def test_a_project_of_an_earlier_release_goes_on_without_scoring_anything_twice(
    schema: int, scored: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    back_to(config, schema)
    files = digests_of(config)
    with open_workspace(config) as workspace:
        assert score_pipeline(workspace).run.rows.rows_in == 0
        assert [(item.name, item.state) for item in list_scorings(workspace)] == [("incoming/night.csv", "current")]
        (move,) = alias_history(workspace.ledger, "pairs", CHAMPION)
        assert workspace.store.find("alias_move", move.journal)  # written down at the first chance
        (seen,) = list_sightings(workspace.ledger, "pairs")
        assert workspace.store.find("sightings", seen.record)
    assert digests_of(config) == files
