"""A ledger of an earlier schema -> today's, in the transaction that opens it: whole or not at all, no row lost.

Schema 2 adds re-scoring to the keys of inputs and chunks (what is there was scored first: 0), the day of an input
(null: its name or the day it was seen says it) and the journal of alias moves (null: written at the next move or run).
Schema 3 adds the numbers that say what came first (0: before all that has one, by its time), which moves of an alias
were rollbacks (empty: what the moves themselves show) and the records of sightings (null: written at the next run).
Schema 4 adds a table, the decisions of the gate: it is made with the others when the ledger is opened, and what was
decided before is in the moves only.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, inspect, select, text, update

from seqcls.ledger.schema import SCHEMA_VERSION, alias_changes, chunks, inputs, set_aside, settings, sightings

OLDEST = 1
_NEW = frozenset({"rescored_with", "day", "number"})
_ADDED = {
    sightings: {"number": "INTEGER NOT NULL DEFAULT 0", "record": "VARCHAR(64)"},
    set_aside: {"number": "INTEGER NOT NULL DEFAULT 0"},
    chunks: {"number": "INTEGER NOT NULL DEFAULT 0"},
    alias_changes: {"serial": "INTEGER NOT NULL DEFAULT 0", "kind": "VARCHAR(16) NOT NULL DEFAULT ''"},
}


def migrate(connection: Connection, found: int) -> None:
    """From schema `found` to today's."""
    if found < 2:
        _to_schema_2(connection)
    if found < 3:
        _to_schema_3(connection)
    connection.execute(update(settings).where(settings.c.name == "schema").values(value=str(SCHEMA_VERSION)))


def _to_schema_2(connection: Connection) -> None:
    """Rebuild the two tables whose primary key grows; SQLite cannot change a key in place."""
    for table in (inputs, chunks):
        _rebuild(connection, table)
    connection.execute(text("ALTER TABLE alias_changes ADD COLUMN journal VARCHAR(64)"))


def _rebuild(connection: Connection, table: Table) -> None:
    kept = ", ".join(column.name for column in table.columns if column.name not in _NEW)
    connection.execute(text(f"ALTER TABLE {table.name} RENAME TO {table.name}_of_schema_1"))
    table.create(connection)
    copy = f"INSERT INTO {table.name} ({kept}, rescored_with) SELECT {kept}, 0 FROM {table.name}_of_schema_1"  # noqa: S608 (names of ours)
    connection.execute(text(copy))
    connection.execute(text(f"DROP TABLE {table.name}_of_schema_1"))


def _to_schema_3(connection: Connection) -> None:
    """Add the columns; a file that changed after a run had failed for it is no longer set aside, as before."""
    for table, columns in _ADDED.items():
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for name, form in columns.items():
            if name not in there:  # tables that the step before made, or that an even older ledger did not have
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {name} {form}"))
    later = select(sightings.c.name).where(
        sightings.c.pipeline == set_aside.c.pipeline, sightings.c.name == set_aside.c.name,
        sightings.c.input_digest == set_aside.c.input_digest, sightings.c.seen_at > set_aside.c.told_at,
    )  # fmt: skip
    connection.execute(delete(set_aside).where(later.exists()))
