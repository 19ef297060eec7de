"""Taking back a commit: a chunk whose scores are damaged is forgotten, so that the next run scores it again.

In: a chunk as it was read, and the rows that it is to be cut from. Promise: only the chunk that was seen is forgotten,
never one that was scored again meanwhile; every scoring that it was a part of is open again. Its token goes up: a
runner with an old claim cannot commit it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, or_, update

from seqcls.ledger.database import Database
from seqcls.ledger.schema import chunks, inputs


def forget_chunk(database: Database, chunk: Row[Any], checked_digest: str) -> bool:
    """Whether it was there to be forgotten."""
    mine = and_(
        chunks.c.pipeline == chunk.pipeline, chunks.c.input_digest == chunk.input_digest,
        chunks.c.rescored_with == chunk.rescored_with, chunks.c.chunk == chunk.chunk, chunks.c.state == "done",
        chunks.c.scores_digest == chunk.scores_digest,
    )  # fmt: skip
    # What a version had scored at first is a part of its re-scoring, too.
    parts = {chunk.rescored_with, *([chunk.model_version] if chunk.rescored_with == 0 else [])}

    def work(connection: Connection) -> bool:
        claimed = {"state": "claimed", "token": chunk.token + 1, "lease_until": 0.0, "published": 0}
        if connection.execute(update(chunks).where(mine).values(**claimed)).rowcount != 1:
            return False
        for rescored_with in parts:
            connection.execute(update(inputs).where(_scoring(chunk, rescored_with)).values(state="open"))
        fix_rows_of(connection, _scoring(chunk, chunk.rescored_with), checked_digest)
        return True

    return database.transact(work)


def fix_rows(database: Database, row: Row[Any], checked_digest: str) -> None:
    """Replace the rows of an open scoring: the earlier rows are gone, and no chunk was cut from others."""
    here = _scoring(row, row.rescored_with)
    database.transact(lambda connection: fix_rows_of(connection, here, checked_digest))


def fix_rows_of(connection: Connection, here: Any, checked_digest: str) -> None:
    connection.execute(update(inputs).where(here).values(checked_digest=checked_digest))


def _scoring(row: Row[Any], rescored_with: int) -> Any:
    return and_(
        inputs.c.pipeline == row.pipeline,
        inputs.c.input_digest == row.input_digest,
        inputs.c.rescored_with == rescored_with,
        or_(inputs.c.state == "open", inputs.c.state == "done"),
    )
