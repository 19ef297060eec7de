"""sql: a table or one SELECT of SQLite or PostgreSQL, through SQLAlchemy.

In: the name of an environment variable with the URL. Out: batches. Promise: the transaction is read-only, rows come
through a server-side cursor, no message shows the URL, and rows that differ from those at discovery are refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seqcls.config.source import SourceConfig
from seqcls.errors import ConfigRefused, DataRefused, WorldFailed
from seqcls.sources.assemble import assemble
from seqcls.sources.reading import Reading, pick_columns
from seqcls.sources.stream import changed
from seqcls.sources.values import records_of
from seqcls.table import InputFile, SourceBatch

ROWS_PER_BATCH = 4096
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def find_query(source: SourceConfig) -> InputFile:
    """The query as an input: its digest is over its text and all rows."""
    name = source.table or f"query-{hashlib.sha256((source.query or '').encode()).hexdigest()[:8]}"
    file = InputFile(path=Path("."), name=f"sql:{name}", digest="", size=0)
    reading = Reading(file, source, "text", False, Path("."))
    digest = _Digest(source)
    with _rows(reading) as result:
        for rows in result.partitions(ROWS_PER_BATCH):
            for row in rows:
                digest.add(row)
    return InputFile(path=file.path, name=file.name, digest=digest.hexdigest(), size=digest.rows)


def read_sql(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of the rows of a table or query."""
    digest, first = _Digest(reading.source), 1
    with _rows(reading) as result:
        names = list(result.keys())
        roles = pick_columns(reading, names)
        for rows in result.partitions(ROWS_PER_BATCH):
            for row in rows:
                digest.add(row)
            objects = [dict(zip(names, row, strict=True)) for row in rows]
            raws = [repr(value)[:4000] for value in objects]
            numbers = list(range(first, first + len(rows)))
            first += len(rows)
            yield assemble(reading, records_of(reading, numbers, objects, roles, [], raws))
    if digest.hexdigest() != reading.file.digest:
        raise changed(reading, "the rows changed since the query was first read")


class _Digest:
    """SHA-256 over the query and the rows."""

    def __init__(self, source: SourceConfig) -> None:
        self._hash = hashlib.sha256(f"{source.table or ''}\n{source.query or ''}\n".encode())
        self.rows = 0

    def add(self, row: Any) -> None:
        self.rows += 1
        self._hash.update(json.dumps(list(row), default=repr).encode() + b"\n")

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def _rows(reading: Reading) -> Iterator[Any]:
    """The result of the query, in a read-only transaction."""
    engine = _engine(reading.source)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
                connection.commit()
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            statement = sa.text(_statement(reading, engine))
            yield connection.execution_options(yield_per=ROWS_PER_BATCH).execute(statement)
    except sa.exc.OperationalError as error:
        if (
            engine.dialect.name == "sqlite"
            and "locked" not in str(error.orig)
            and "unable to open" not in str(error.orig)
        ):
            raise _refused(reading, error) from None
        raise WorldFailed(
            f"the database does not answer ({type(error.orig).__name__})",
            where=f"the URL in ${reading.source.url_env}",
            next_step="check that the server runs and that the user may read",
        ) from None  # fmt: skip
    except sa.exc.DBAPIError as error:
        raise _refused(reading, error) from None
    finally:
        engine.dispose()


def _refused(reading: Reading, error: sa.exc.DBAPIError) -> DataRefused:
    return reading.refuse(
        f"the database refuses the query: {str(error.orig).splitlines()[0][:200]}", expected="a query that reads rows",
        next_step="try it in the database's own shell",
    )  # fmt: skip


def _engine(source: SourceConfig) -> sa.Engine:
    name = source.url_env or ""
    text = os.environ.get(name)
    if not text:
        raise ConfigRefused(
            f"the environment variable {name} is not set", where="source.url_env", expected="a database URL in it",
            next_step=f"export {name}=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
        )  # fmt: skip
    try:
        url = sa.engine.make_url(text)
    except sa.exc.ArgumentError:
        raise ConfigRefused(
            f"${name} does not hold a URL",
            where="source.url_env",
            expected="sqlite:///FILE or postgresql+psycopg://...",
            next_step=f"export {name} again",
        ) from None
    if url.drivername not in _DRIVERS:
        raise ConfigRefused(
            f"{url.drivername} in ${name}",
            where="source.url_env",
            expected="sqlite or postgresql+psycopg",
            next_step="change the URL's beginning",
        )
    if url.drivername.startswith("sqlite") and not (url.database and Path(url.database).is_file()):
        raise DataRefused(
            "no such SQLite file", where=f"the URL in ${name}", expected="a database", next_step="correct the path"
        )
    return sa.create_engine(url, hide_parameters=True, poolclass=sa.pool.NullPool)


def _statement(reading: Reading, engine: sa.Engine) -> str:
    """The user's query, or all rows of the table in a reproducible order."""
    source = reading.source
    if source.query is not None:
        if ";" in source.query or not _SELECT.match(source.query):
            raise ConfigRefused(
                "not a single SELECT", where="source.query",
                expected="one statement that begins with SELECT or WITH, without ';'",
                next_step="make the rest a view in the database",
            )  # fmt: skip
        # SQLAlchemy would read a colon as a parameter.
        return re.sub(r"(?<!\\):", r"\\:", source.query)
    parts = (source.table or "").split(".")
    if len(parts) > 2 or not all(_IDENTIFIER.fullmatch(part) for part in parts):
        raise ConfigRefused(
            f"{source.table!r}",
            where="source.table",
            expected="TABLE or SCHEMA.TABLE of letters, digits and underscores",
            next_step="use source.query",
        )
    inspector = sa.inspect(engine)
    schema = parts[0] if len(parts) == 2 else None
    if not (inspector.has_table(parts[-1], schema) or parts[-1] in inspector.get_view_names(schema)):
        raise reading.refuse(
            "no such table",
            expected=f"one of {', '.join(inspector.get_table_names(schema)[:20])}",
            next_step="correct source.table",
        )
    found = [column["name"] for column in inspector.get_columns(parts[-1], schema)]
    roles = pick_columns(reading, found)
    names = list(dict.fromkeys([*reading.sequence_columns, *roles.values()]))
    quote = engine.dialect.identifier_preparer.quote_identifier
    order = [roles["id"]] if "id" in roles else names
    columns, table = ", ".join(map(quote, names)), ".".join(map(quote, parts))
    return f"SELECT {columns} FROM {table} ORDER BY {', '.join(map(quote, order))}".replace(":", r"\:")  # noqa: S608 all names are quoted
