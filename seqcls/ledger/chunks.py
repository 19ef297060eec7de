"""New data in the ledger: inputs by content, and chunks that are claimed, scored and committed once.

Claim = token + 1 and a lease; commit = UPDATE ... WHERE token = mine AND state = 'claimed'. A runner that was
stopped past its lease finds that its token is stale and drops its work (fencing tokens: Kleppmann, "Designing
Data-Intensive Applications", chapter 8). Re-scoring an input with version N is the same with `rescored_with` = N: rows
of its own beside those of the first scoring (0), which stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from seqcls.ledger.database import Database
from seqcls.ledger.numbers import next_number
from seqcls.ledger.schema import chunks, inputs, sightings
from seqcls.ledger.sightings import see
from seqcls.store.records import Superseded
from seqcls.table import ScoreCounts


@dataclass(frozen=True)
class Claim:
    """The right to score one chunk until `lease_until`, held under `token`."""

    pipeline: str
    input_digest: str
    chunk: int
    token: int
    rescored_with: int = 0
    number: int = 0
    """Larger than that of every claim before, of any chunk."""


@dataclass(frozen=True)
class ChunkResult:
    model_version: int
    scores_digest: str
    counts: ScoreCounts
    run_id: str
    published_as: str


def see_input(database: Database, pipeline: str, digest: str, name: str, day: str | None = None) -> Row[Any]:
    """Note that a file was seen under a name; returns the input's row (made when it is new)."""

    def work(connection: Connection) -> Row[Any]:
        now = database.now(connection)
        see(connection, pipeline, digest, name, now)
        mine = _input(pipeline, digest, 0)
        if connection.execute(select(inputs.c.name).where(mine)).first() is None:
            values = {"pipeline": pipeline, "input_digest": digest, "name": name, "day": day}
            connection.execute(insert(inputs).values(**values, state="open", detail="", seen_at=now))
        return connection.execute(select(inputs).where(mine)).one()

    return database.transact(work)


def open_input(database: Database, pipeline: str, digest: str, checked_digest: str, chunk_rows: int) -> Row[Any]:
    """Fix what the chunks of an input are, unless an earlier run did; returns the row as it stands.

    An input that was refused before and can be used now is open again, so that a later run goes on with it.
    """

    def work(connection: Connection) -> Row[Any]:
        mine = _input(pipeline, digest, 0)
        unset = and_(mine, inputs.c.checked_digest.is_(None))
        connection.execute(
            update(inputs).where(unset).values(checked_digest=checked_digest, chunk_rows=chunk_rows, detail="")
        )
        refused = and_(mine, inputs.c.state == "refused")
        connection.execute(update(inputs).where(refused).values(state="open", detail=""))
        return connection.execute(select(inputs).where(mine)).one()

    return database.transact(work)


def open_rescoring(database: Database, first: Row[Any], version: int, checked_digest: str) -> Row[Any]:
    """The row of an input's re-scoring with a version, cut as its first scoring was."""

    def work(connection: Connection) -> Row[Any]:
        mine = _input(first.pipeline, first.input_digest, version)
        if not database.is_sqlite:  # two re-scorings at once: one of them makes the row
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(first.input_digest))))
        if connection.execute(select(inputs.c.name).where(mine)).first() is None:
            same = {name: getattr(first, name) for name in ("pipeline", "input_digest", "name", "day", "chunk_rows")}
            connection.execute(
                insert(inputs).values(
                    **same, rescored_with=version, state="open", detail="", seen_at=database.now(connection)
                )
            )
        connection.execute(update(inputs).where(mine).values(checked_digest=checked_digest))
        return connection.execute(select(inputs).where(mine)).one()

    return database.transact(work)


def is_only_input_with(database: Database, pipeline: str, digest: str, prefix: str) -> bool:
    """Whether no other input of the pipeline has a digest that begins like this one."""
    alike = and_(inputs.c.input_digest >= prefix, inputs.c.input_digest < f"{prefix}g")  # digits are 0 to f
    others = select(inputs.c.name).where(inputs.c.pipeline == pipeline, alike, inputs.c.input_digest != digest)
    return database.transact(lambda connection: connection.execute(others.limit(1)).first()) is None


def close_input(
    database: Database, pipeline: str, digest: str, state: str, *, rescored_with: int = 0, **values: Any
) -> None:
    """state done (with the row books) or refused (with the reason in detail)."""
    mine = _input(pipeline, digest, rescored_with)
    database.transact(lambda connection: connection.execute(update(inputs).where(mine).values(state=state, **values)))


def _input(pipeline: str, digest: str, rescored_with: int) -> ColumnElement[bool]:
    return and_(inputs.c.pipeline == pipeline, inputs.c.input_digest == digest, inputs.c.rescored_with == rescored_with)


def _chunk(claim: Claim) -> ColumnElement[bool]:
    return and_(
        chunks.c.pipeline == claim.pipeline,
        chunks.c.input_digest == claim.input_digest,
        chunks.c.rescored_with == claim.rescored_with,
        chunks.c.chunk == claim.chunk,
    )


def claim_chunk(
    database: Database,
    pipeline: str,
    digest: str,
    chunk: int,
    owner: str,
    lease_seconds: float,
    is_gone: Callable[[str], bool],
    rescored_with: int = 0,
) -> Claim | None:
    """Claim a chunk that is neither done nor held by a living runner; None otherwise.

    A lease ends by time, or at once when `is_gone` knows that its owner is no longer running.
    """

    def work(connection: Connection) -> Claim | None:
        now = database.now(connection)
        first = Claim(pipeline, digest, chunk, 1, rescored_with)
        mine = _chunk(first)
        row = connection.execute(select(chunks).where(mine).with_for_update()).one_or_none()
        if row is None:
            claim = replace(first, number=next_number(connection, pipeline))
            values = {**claim.__dict__, "state": "claimed", "lease_until": now + lease_seconds, "owner": owner}
            connection.execute(insert(chunks).values(**values))
            return claim
        # A lease that ends later than a new one would was taken under another clock, since set back.
        is_held = now < row.lease_until <= now + lease_seconds
        if row.state == "done" or (is_held and not is_gone(row.owner)):
            return None
        claim = replace(first, token=row.token + 1, number=next_number(connection, pipeline))
        held = {"token": claim.token, "number": claim.number, "lease_until": now + lease_seconds, "owner": owner}
        connection.execute(update(chunks).where(mine).values(**held))
        return claim

    return database.transact(work)


def commit_chunk(database: Database, claim: Claim, result: ChunkResult) -> bool:
    """The commit point of scoring. False: the claim was superseded, drop the work."""

    def work(connection: Connection) -> bool:
        mine = and_(_chunk(claim), chunks.c.token == claim.token, chunks.c.state == "claimed")
        facts = asdict(result)
        values = {**facts.pop("counts"), **facts, "state": "done", "committed_at": database.now(connection)}
        return connection.execute(update(chunks).where(mine).values(**values)).rowcount == 1

    return database.transact(work)


def release_chunk(database: Database, claim: Claim) -> None:
    """Give a claim back after an error, so that the next runner need not wait for the lease."""
    here = and_(_chunk(claim), chunks.c.token == claim.token, chunks.c.state == "claimed")
    database.transact(lambda connection: connection.execute(update(chunks).where(here).values(lease_until=0.0)))


def done_chunks(database: Database, pipeline: str, digest: str | None = None) -> list[Row[Any]]:
    """Committed chunks of an input (or of the whole pipeline), of all its scorings, in order."""
    query = select(chunks).where(chunks.c.pipeline == pipeline, chunks.c.state == "done")
    if digest:
        query = query.where(chunks.c.input_digest == digest)
    query = query.order_by(chunks.c.number, chunks.c.committed_at, chunks.c.input_digest, chunks.c.chunk)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def mark_published(database: Database, pipeline: str, digest: str, chunk: int, rescored_with: int = 0) -> None:
    mine = _chunk(Claim(pipeline, digest, chunk, 0, rescored_with))
    database.transact(lambda connection: connection.execute(update(chunks).where(mine).values(published=1)))


def list_inputs(database: Database, pipeline: str, rescored_with: int | None = 0) -> list[Row[Any]]:
    """Inputs in the order of their arrival: as first scored (0), as re-scored with a version, or both (None)."""
    query = select(inputs).where(inputs.c.pipeline == pipeline).order_by(inputs.c.seen_at, inputs.c.name)
    if rescored_with is not None:
        query = query.where(inputs.c.rescored_with == rescored_with)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def superseded(database: Database, pipeline: str, digest: str, rescored_with: int) -> Superseded:
    """What this scoring takes the place of: earlier contents of its names, other versions' scores of its content."""
    before, own = sightings.alias(), sightings.alias()
    by_time = and_(
        before.c.number == own.c.number, before.c.seen_at < own.c.seen_at
    )  # rows written before there were numbers
    earlier = select(before.c.input_digest).where(
        own.c.pipeline == pipeline, own.c.input_digest == digest, before.c.pipeline == pipeline,
        before.c.name == own.c.name, or_(before.c.number < own.c.number, by_time),
    )  # fmt: skip
    others = select(chunks.c.model_version).where(
        chunks.c.pipeline == pipeline, chunks.c.input_digest == digest, chunks.c.state == "done",
        chunks.c.model_version != rescored_with,
    )  # fmt: skip

    def work(connection: Connection) -> Superseded:
        versions = connection.execute(others).scalars().all() if rescored_with else []
        contents = sorted(set(connection.execute(earlier).scalars()))
        return Superseded(inputs=tuple(contents), versions=tuple(sorted(set(versions))))

    return database.transact(work)


def chunks_by(database: Database, pipeline: str, digest: str, rescored_with: int) -> list[Row[Any]]:
    """The committed chunks of one scoring of an input, in order.

    Chunks that the version had scored at first, as champion, are part of its re-scoring: a row is scored once by it.
    """
    own = chunks.c.rescored_with == rescored_with
    at_first = and_(chunks.c.rescored_with == 0, chunks.c.model_version == rescored_with)
    here = and_(chunks.c.pipeline == pipeline, chunks.c.input_digest == digest, chunks.c.state == "done")
    query = select(chunks).where(here, or_(own, at_first) if rescored_with else own).order_by(chunks.c.chunk)
    return list(database.transact(lambda connection: connection.execute(query).all()))


def sum_chunks(chunks: Iterable[Row[Any]]) -> ScoreCounts:
    """The rows of some committed chunks together."""
    return sum((ScoreCounts(row.rows_in, row.scored, row.rejected, row.abstained) for row in chunks), ScoreCounts())
