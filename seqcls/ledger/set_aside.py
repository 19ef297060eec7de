"""Files that cannot be used and that a failed run has named: `score.unusable = "set_aside"`.

In: names and contents. Out: since when each is set aside. Promise: a name is remembered together with its content: the
same bytes under a new name, or put back after others, count as new.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, and_, insert, select, update

from seqcls.ledger.database import Database
from seqcls.ledger.schema import set_aside, sightings

File = tuple[str, str]
"""Name, digest of the content."""


def set_aside_since(database: Database, pipeline: str) -> dict[File, float]:
    """Seconds since 1970 at which a run failed for a file that lies there unchanged since."""
    same = and_(
        sightings.c.pipeline == set_aside.c.pipeline,
        sightings.c.name == set_aside.c.name,
        sightings.c.input_digest == set_aside.c.input_digest,
        sightings.c.number == set_aside.c.number,
    )
    query = select(set_aside).join(sightings, same).where(set_aside.c.pipeline == pipeline)
    rows = database.transact(lambda connection: connection.execute(query).all())
    return {(row.name, row.input_digest): float(row.told_at) for row in rows}


def remember_set_aside(database: Database, pipeline: str, files: Iterable[File]) -> None:
    """Note that this run fails for these files; called when all else of the run is committed."""
    wanted = sorted(files)

    def work(connection: Connection) -> None:
        now = database.now(connection)
        for name, digest in wanted:
            key = {"pipeline": pipeline, "name": name, "input_digest": digest}
            mine = and_(*(set_aside.c[column] == value for column, value in key.items()))
            seen = and_(*(sightings.c[column] == value for column, value in key.items()))
            number = connection.execute(select(sightings.c.number).where(seen)).scalar() or 0
            told = {"told_at": now, "number": number}
            if not connection.execute(update(set_aside).where(mine).values(**told)).rowcount:
                connection.execute(insert(set_aside).values(**key, **told))

    database.transact(work)
