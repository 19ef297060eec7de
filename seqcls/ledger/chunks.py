"""New data in the ledger: inputs by content, and chunks that are claimed, scored and committed once.

Claim = token + 1 and a lease; commit = UPDATE ... WHERE token = mine AND state = 'claimed'. A runner that was
stopped past its lease finds that its token is stale and drops its work (fencing tokens: Kleppmann, "Designing
Data-Intensive Applications", chapter 8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from seqcls.ledger.database import Database
from seqcls.ledger.schema import chunks, inputs, sightings


@dataclass(frozen=True)
class Claim:
    """The right to score one chunk until `lease_until`, held under `token`."""

    pipeline: str
    input_digest: str
    chunk: int
    token: int


@dataclass(frozen=True)
class ChunkResult:
    model_version: int
    scores_digest: str
    rows_in: int
    scored: int
    rejected: int
    abstained: int
    run_id: str
    published_as: str


def see_input(database: Database, pipeline: str, digest: str, name: str) -> Row[Any]:
    """Note that a file was seen under a name; returns the input's row (made when it is new)."""

    def work(connection: Connection) -> Row[Any]:
        now = database.now(connection)
        here = and_(sightings.c.pipeline == pipeline, sightings.c.name == name, sightings.c.input_digest == digest)
        if connection.execute(select(sightings.c.name).where(here)).first() is None:
            connection.execute(insert(sightings).values(pipeline=pipeline, name=name, input_digest=digest, seen_at=now))
        mine = and_(inputs.c.pipeline == pipeline, inputs.c.input_digest == digest)
        if connection.execute(select(inputs.c.name).where(mine)).first() is None:
            connection.execute(
                insert(inputs).values(
                    pipeline=pipeline, input_digest=digest, name=name, state="open", detail="", seen_at=now
                )
            )
        return connection.execute(select(inputs).where(mine)).one()

    return database.transact(work)


def open_input(database: Database, pipeline: str, digest: str, checked_digest: str, chunk_rows: int) -> Row[Any]:
    """Fix what the chunks of an input are, unless an earlier run did; returns the row as it stands."""

    def work(connection: Connection) -> Row[Any]:
        mine = and_(inputs.c.pipeline == pipeline, inputs.c.input_digest == digest)
        unset = and_(mine, inputs.c.checked_digest.is_(None))
        connection.execute(update(inputs).where(unset).values(checked_digest=checked_digest, chunk_rows=chunk_rows))
        return connection.execute(select(inputs).where(mine)).one()

    return database.transact(work)


def close_input(database: Database, pipeline: str, digest: str, state: str, **values: Any) -> None:
    """state done (with the row books) or refused (with the reason in detail)."""
    mine = and_(inputs.c.pipeline == pipeline, inputs.c.input_digest == digest)
    database.transact(lambda connection: connection.execute(update(inputs).where(mine).values(state=state, **values)))


def claim_chunk(
    database: Database,
    pipeline: str,
    digest: str,
    chunk: int,
    owner: str,
    lease_seconds: float,
    is_gone: Callable[[str], bool],
) -> Claim | None:
    """Claim a chunk that is neither done nor held by a living runner; None otherwise.

    A lease ends by time, or at once when `is_gone` knows that its owner is no longer running.
    """

    def work(connection: Connection) -> Claim | None:
        now = database.now(connection)
        mine = and_(chunks.c.pipeline == pipeline, chunks.c.input_digest == digest, chunks.c.chunk == chunk)
        row = connection.execute(select(chunks).where(mine).with_for_update()).one_or_none()
        if row is None:
            values = {"pipeline": pipeline, "input_digest": digest, "chunk": chunk, "state": "claimed", "token": 1}
            connection.execute(insert(chunks).values(**values, lease_until=now + lease_seconds, owner=owner))
            return Claim(pipeline, digest, chunk, 1)
        if row.state == "done" or (row.lease_until > now and not is_gone(row.owner)):
            return None
        connection.execute(
            update(chunks).where(mine).values(token=row.token + 1, lease_until=now + lease_seconds, owner=owner)
        )
        return Claim(pipeline, digest, chunk, row.token + 1)

    return database.transact(work)


def commit_chunk(database: Database, claim: Claim, result: ChunkResult) -> bool:
    """The commit point of scoring. False: the claim was superseded, drop the work."""

    def work(connection: Connection) -> bool:
        mine = and_(
            chunks.c.pipeline == claim.pipeline,
            chunks.c.input_digest == claim.input_digest,
            chunks.c.chunk == claim.chunk,
            chunks.c.token == claim.token,
            chunks.c.state == "claimed",
        )
        values = {**result.__dict__, "state": "done", "committed_at": database.now(connection)}
        return connection.execute(update(chunks).where(mine).values(**values)).rowcount == 1

    return database.transact(work)


def release_chunk(database: Database, claim: Claim) -> None:
    """Give a claim back after an error, so that the next runner need not wait for the lease."""
    mine = and_(
        chunks.c.input_digest == claim.input_digest, chunks.c.chunk == claim.chunk, chunks.c.token == claim.token
    )
    here = and_(mine, chunks.c.pipeline == claim.pipeline, chunks.c.state == "claimed")
    database.transact(lambda connection: connection.execute(update(chunks).where(here).values(lease_until=0.0)))


def done_chunks(database: Database, pipeline: str, digest: str | None = None) -> list[Row[Any]]:
    """Committed chunks of an input (or of the whole pipeline), in order."""
    query = select(chunks).where(chunks.c.pipeline == pipeline, chunks.c.state == "done")
    if digest:
        query = query.where(chunks.c.input_digest == digest)
    query = query.order_by(chunks.c.committed_at, chunks.c.input_digest, chunks.c.chunk)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def mark_published(database: Database, pipeline: str, digest: str, chunk: int) -> None:
    mine = and_(chunks.c.pipeline == pipeline, chunks.c.input_digest == digest, chunks.c.chunk == chunk)
    database.transact(lambda connection: connection.execute(update(chunks).where(mine).values(published=1)))


def list_inputs(database: Database, pipeline: str) -> list[Row[Any]]:
    query = select(inputs).where(inputs.c.pipeline == pipeline).order_by(inputs.c.seen_at, inputs.c.name)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def sum_chunks(database: Database, pipeline: str, digest: str) -> tuple[int, int, int, int]:
    """(rows in, scored, rejected, abstained) over the committed chunks of an input."""
    columns = [
        func.coalesce(func.sum(c), 0)
        for c in (chunks.c.rows_in, chunks.c.scored, chunks.c.rejected, chunks.c.abstained)
    ]
    query = select(*columns).where(
        chunks.c.pipeline == pipeline, chunks.c.input_digest == digest, chunks.c.state == "done"
    )
    row = database.transact(lambda connection: connection.execute(query).one())
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])
