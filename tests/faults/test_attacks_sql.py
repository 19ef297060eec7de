"""SQL through names and queries, passwords in addresses: nothing is changed, nothing is told."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from seqcls.config.source import SourceConfig
from seqcls.errors import ConfigRefused, DataRefused, SeqclsError
from seqcls.road import train_pipeline
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from seqcls.workspace import open_workspace
from tests.road_data import sentence, write_project

PASSWORD = "canary-77aa-password"
CREATE = 'create table reviews (id int, body text, stars int, "x""; drop table reviews; --" int)'
ROWS = "insert into reviews values (1, 'bad', 1, 0), (2, 'good', 5, 0)"


@pytest.fixture
def postgres(postgres_url: str) -> str:
    return postgres_url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sa.Connection]:
    """A table of two rows, in DATA_URL; a column of it is named like an attack."""
    url = f"sqlite:///{tmp_path / 'a.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    monkeypatch.setenv("DATA_URL", url)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.execute(sa.text(CREATE))
        connection.execute(sa.text(ROWS))
        connection.commit()
        yield connection
    engine.dispose()


def read_all(**options: Any) -> list[str]:
    given = {"format": "sql", "url_env": "DATA_URL", "sequence": "body", "label": "stars"} | options
    source = SourceConfig(**given)
    (file,) = find_files(source, Path("."))
    batches = read_file(file, source, "text", labelled=True, folder=Path("."))
    return [text for batch in batches for text in batch.table["sequence"].to_pylist()]


NAMES = ['reviews"; drop table reviews; --', "reviews; drop table reviews", "reviews/**/where/**/1=1", "(select 1)",
         "pg_catalog.pg_authid.rolpassword", "reviews'", "reviews\n", "a.b.c", "réviews"]  # fmt: skip
QUERIES = [
    "select 1; drop table reviews",
    "select body, stars from reviews; commit; drop table reviews",
    "drop table reviews",
    "delete from reviews",
    "update reviews set body = ''",
    "pragma writable_schema = on",
    "copy reviews to program 'touch canary'",
    "/* select */ delete from reviews",
    "with x as (select 1 as body, 2 as stars) delete from reviews",
    "select load_extension('canary') as body, 1 as stars",
    "with gone as (delete from reviews returning *) select * from gone",
]


@pytest.mark.fault(
    "A07",
    tried="tables and queries that would drop, change or leave the database, on SQLite and PostgreSQL",
    outcome="refused in one message; every row is still there",
)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_tables_and_queries_that_attack_change_nothing(database: sa.Connection) -> None:
    for options in [*({"table": name} for name in NAMES), *({"query": query} for query in QUERIES)]:
        with pytest.raises((ConfigRefused, DataRefused)) as caught:
            read_all(**options)
        assert "Next: " in str(caught.value), options
        assert "Traceback" not in str(caught.value)
    database.rollback()
    assert database.execute(sa.text("select count(*) from reviews")).scalar_one() == 2


@pytest.mark.fault(
    "A07",
    tried="columns named like an attack: in the table, and as source.sequence",
    outcome="the first is quoted and read past; the second is no column: refused with the nearest name",
)
def test_columns_that_attack_are_names(database: sa.Connection) -> None:
    assert sorted(read_all(table="reviews")) == ["bad", "good"]
    assert read_all(table="reviews", label='x"; drop table reviews; --') == ["bad", "good"]
    with pytest.raises(DataRefused, match="no column"):
        read_all(table="reviews", sequence='body", (select 1) as "x')
    database.rollback()
    assert database.execute(sa.text("select count(*) from reviews")).scalar_one() == 2


def test_a_query_that_only_reads_is_read(database: sa.Connection) -> None:
    assert read_all(query="select body, stars from reviews order by stars") == ["bad", "good"]


def planted(text: str) -> bool:
    return PASSWORD in text


@pytest.mark.fault(
    "A09",
    tried="addresses with a password in the environment, for the ledger and for the data, of a real PostgreSQL; a "
    "whole training",
    outcome="the password is in no file of the project, no log line, no output, no representation of a setting",
)
def test_a_password_is_in_nothing_that_a_training_leaves(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    url = sa.make_url(postgres).set(password=PASSWORD).render_as_string(hide_password=False)
    assert planted(url)
    monkeypatch.setenv("DATA_URL", url)
    monkeypatch.setenv("LEDGER_URL", url.replace("+psycopg", ""))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop table if exists trips"))
        connection.execute(sa.text("create table trips (id int, sequence text, label text)"))
        for number in range(120):
            label = ("yes", "no")[number % 2]
            row = {"id": number, "text": sentence(random.Random(number), label), "label": label}
            connection.execute(sa.text("insert into trips values (:id, :text, :label)"), row)
    engine.dispose()
    config = write_project(tmp_path, rows=1, family="cnn")
    text = config.read_text().replace('format = "csv"\nfiles = ["data/*.csv"]', 'format = "sql"\ntable = "trips"')
    text = text.replace('id = "id"', 'id = "id"\nurl_env = "DATA_URL"').replace("epochs = 8", "epochs = 1")
    config.write_text('ledger_env = "LEDGER_URL"\n' + text)
    caplog.set_level(logging.DEBUG)
    with open_workspace(config) as workspace:
        outcome = train_pipeline(workspace)
        assert outcome.rows["accepted"] == 120
        shown = repr(workspace) + repr(workspace.ledger.engine) + outcome.model_dump_json()
    printed = capfd.readouterr()
    assert not any(map(planted, (shown, caplog.text, printed.out, printed.err)))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.fault(
    "A09",
    tried="the same with a database that is not there, with --debug and without",
    outcome="neither the message nor the traceback holds the password",
)
@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
def test_a_password_is_in_no_traceback(debug: list[str], tmp_path: Path) -> None:
    config = write_project(tmp_path, rows=1)
    config.write_text('ledger_env = "LEDGER_URL"\n' + config.read_text())
    url = f"postgresql://someone:{PASSWORD}@127.0.0.1:9/none"
    once = "import sys; from seqcls.cli import main; from seqcls.ledger import database; database.ATTEMPTS = 1; "
    done = subprocess.run(
        [sys.executable, "-c", once + "sys.exit(main(sys.argv[1:]))", *debug, "models", str(config)],
        env={**os.environ, "LEDGER_URL": url}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == (1 if debug else 5), done.stderr
    assert "Traceback" in done.stderr if debug else "someone:***@127.0.0.1" in done.stderr
    assert not planted(done.stdout + done.stderr)


@pytest.mark.fault(
    "A09",
    tried="an address with a password written into the pipeline file itself, where a variable's name belongs",
    outcome="refused; the message does not repeat it",
)
@pytest.mark.parametrize("key", ["ledger_env", "source.url_env"])
def test_an_address_in_the_place_of_a_variables_name_is_not_repeated(key: str, tmp_path: Path) -> None:
    url = f"postgresql://someone:{PASSWORD}@127.0.0.1:9/none"
    config = write_project(tmp_path, rows=1)
    text = config.read_text()
    if key == "ledger_env":
        config.write_text(f'ledger_env = "{url}"\n' + text)
    else:
        named = f'url_env = "{url}"\ntable = "a"'
        config.write_text(text.replace('files = ["data/*.csv"]', named).replace('"csv"', '"sql"'))
    with pytest.raises(SeqclsError) as caught, open_workspace(config) as workspace:
        train_pipeline(workspace)
    assert "name of an environment variable" in str(caught.value)
    assert not planted(str(caught.value))


def test_the_password_would_be_found(tmp_path: Path) -> None:
    """The control: what is searched for is found where it is."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("create table a (b text)")
        connection.execute("insert into a values (?)", [f"postgresql://a:{PASSWORD}@b/c"])
    assert PASSWORD.encode() in (tmp_path / "a.db").read_bytes()
