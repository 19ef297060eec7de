"""Which faults [alert] has told, so that each is told once."""

from __future__ import annotations

from sqlalchemy import Connection, and_, delete, insert, select

from seqcls.ledger.database import Database
from seqcls.ledger.schema import runs, told


def was_told(database: Database, pipeline: str, fault: str) -> bool:
    query = select(told.c.fault).where(told.c.pipeline == pipeline, told.c.fault == fault)
    return database.transact(lambda connection: connection.execute(query).first() is not None)


def remember_told(database: Database, pipeline: str, fault: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute(delete(told).where(told.c.pipeline == pipeline, told.c.fault == fault))
        connection.execute(insert(told).values(pipeline=pipeline, fault=fault, told_at=database.now(connection)))

    database.transact(work)


def forget_told(database: Database, pipeline: str, start: str) -> None:
    """Faults that begin so are over: the next one is told again."""
    mine = and_(told.c.pipeline == pipeline, told.c.fault.startswith(start, autoescape=True))
    database.transact(lambda connection: connection.execute(delete(told).where(mine)))


def scored_between(database: Database, pipeline: str, start: float, end: float) -> bool:
    """Whether a scoring run ended in a span of time, in seconds since 1970."""
    ended = and_(runs.c.ended_at > start, runs.c.ended_at <= end)
    query = select(runs.c.run_id).where(runs.c.pipeline == pipeline, runs.c.job == "score", ended).limit(1)
    return database.transact(lambda connection: connection.execute(query).first() is not None)
