"""Which content a name holds, and held before: sightings of files, in the order of their numbers.

In: names and contents. Out: rows of `sightings`. Promise: the sighting of a name with the largest number is what it
holds now, whatever the clock said; a number moves only when the name changes what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from seqcls.ledger.database import Database
from seqcls.ledger.numbers import next_number
from seqcls.ledger.schema import sightings

BY_NUMBER = (sightings.c.number, sightings.c.seen_at, sightings.c.input_digest)


@dataclass(frozen=True)
class Sighting:
    """A name that held a content, as the ledger and its record have it."""

    name: str
    input_digest: str
    number: int
    seen_at: float

    @property
    def order(self) -> tuple[int, float]:
        """Time counts only where there was no number yet."""
        return (self.number, self.seen_at)


def see(connection: Connection, pipeline: str, digest: str, name: str, now: float) -> None:
    """Note that a name holds a content, unless it is known to."""
    named = and_(sightings.c.pipeline == pipeline, sightings.c.name == name)
    order = select(sightings.c.input_digest).where(named).order_by(*BY_NUMBER)
    contents = [row.input_digest for row in connection.execute(order)]
    if contents and contents[-1] == digest:
        return
    values = {"number": next_number(connection, pipeline), "seen_at": now, "record": None}
    if digest in contents:
        connection.execute(update(sightings).where(named, sightings.c.input_digest == digest).values(**values))
    else:
        connection.execute(insert(sightings).values(pipeline=pipeline, name=name, input_digest=digest, **values))


def list_sightings(database: Database, pipeline: str) -> list[Row[Any]]:
    """Every content that a name ever had, the older before the newer: the last row of a name is what it holds now."""
    query = select(sightings).where(sightings.c.pipeline == pipeline).order_by(*BY_NUMBER)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def note_record(database: Database, pipeline: str, record: str, written: Iterable[Sighting]) -> None:
    """Which artefact says the same as these sightings; one that moved meanwhile waits for the next record."""

    def work(connection: Connection) -> None:
        for item in written:
            same = and_(
                sightings.c.pipeline == pipeline, sightings.c.name == item.name,
                sightings.c.input_digest == item.input_digest, sightings.c.number == item.number,
            )  # fmt: skip
            connection.execute(update(sightings).where(same).values(record=record))

    database.transact(work)
