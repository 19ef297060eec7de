"""Decisions of the gate and of persons in the ledger, numbered in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from seqcls.ledger.database import Database
from seqcls.ledger.schema import decisions


@dataclass(frozen=True)
class NewDecision:
    """A decision that has no number yet."""

    pipeline: str
    version: int
    champion: int | None
    state: str
    who: str
    why: str


def add_decision(database: Database, decision: NewDecision, write: Callable[[int, float], str]) -> int:
    """Give it the next number; `write(number, seconds since 1970)` writes it down elsewhere first and returns the
    digest. Called at most once."""

    def work(connection: Connection) -> int:
        if not database.is_sqlite:  # writers of one pipeline take turns, as in models.py
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(decision.pipeline))))
        last = select(func.coalesce(func.max(decisions.c.number), 0)).where(decisions.c.pipeline == decision.pipeline)
        number, now = connection.execute(last).scalar_one() + 1, database.now(connection)
        digest = write(number, now)
        connection.execute(insert(decisions).values(**decision.__dict__, number=number, decided_at=now, digest=digest))
        return int(number)

    return database.transact_once(work)


def list_decisions(database: Database, pipeline: str) -> list[Row[Any]]:
    """Every decision, oldest first."""
    query = select(decisions).where(decisions.c.pipeline == pipeline).order_by(decisions.c.number)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def restore_decisions(connection: Connection, found: list[dict[str, Any]]) -> int:
    """Add the decisions that the ledger does not know; how many."""
    known = {(row.pipeline, row.number) for row in connection.execute(select(decisions))}
    new = {(item["pipeline"], item["number"]): item for item in found}
    for key in new.keys() - known:
        connection.execute(insert(decisions).values(**new[key]))
    return len(new.keys() - known)
