"""A ledger of schema 1 -> schema 2, in the transaction that opens it: whole or not at all, no row lost.

Schema 2 adds re-scoring to the keys of inputs and chunks (what is there was scored first: 0), the day of an input
(null: its name or the day it was seen says it) and the journal of alias moves (null: written at the next move or run).
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, text, update

from seqcls.ledger.schema import SCHEMA_VERSION, chunks, inputs, settings

_NEW = frozenset({"rescored_with", "day"})


def migrate(connection: Connection) -> None:
    """Rebuild the two tables whose primary key grows; SQLite cannot change a key in place."""
    for table in (inputs, chunks):
        _rebuild(connection, table)
    connection.execute(text("ALTER TABLE alias_changes ADD COLUMN journal VARCHAR(64)"))
    connection.execute(update(settings).where(settings.c.name == "schema").values(value=str(SCHEMA_VERSION)))


def _rebuild(connection: Connection, table: Table) -> None:
    kept = ", ".join(column.name for column in table.columns if column.name not in _NEW)
    connection.execute(text(f"ALTER TABLE {table.name} RENAME TO {table.name}_of_schema_1"))
    table.create(connection)
    copy = f"INSERT INTO {table.name} ({kept}, rescored_with) SELECT {kept}, 0 FROM {table.name}_of_schema_1"  # noqa: S608 (names of ours)
    connection.execute(text(copy))
    connection.execute(text(f"DROP TABLE {table.name}_of_schema_1"))
