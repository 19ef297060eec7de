"""Model versions and aliases in the ledger. An alias moves by compare-and-set, and each move is logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from seqcls.errors import WorldFailed
from seqcls.ledger.database import Database
from seqcls.ledger.schema import alias_changes, aliases, models


@dataclass(frozen=True)
class ModelVersion:
    """One registered model."""

    pipeline: str
    version: int
    model_digest: str
    evaluation_digest: str
    inputs: dict[str, str]
    metrics: dict[str, Any]
    run_id: str
    registered_at: float

    @property
    def name(self) -> str:
        return f"{self.pipeline}@v{self.version}"


@dataclass(frozen=True)
class AliasState:
    """Where an alias points; counter 0 = nowhere yet."""

    version: int | None
    counter: int


@dataclass(frozen=True)
class AliasMove:
    """One move of an alias, as the ledger and the journal have it."""

    pipeline: str
    alias: str
    counter: int
    from_version: int | None
    to_version: int
    who: str
    why: str
    changed_at: float
    serial: int = 0
    """Larger than that of every move that was written down before it, carried out or not; 0: of an earlier release."""
    kind: str = ""
    """`promotion` or `rollback`; empty: of an earlier release, or made by a repair."""

    @property
    def order(self) -> tuple[int, float]:
        """What was written later is larger; time counts only where there was no number yet."""
        return (self.serial, self.changed_at)


Journal = Callable[[AliasMove], tuple[AliasMove, str]]
"""Writes a move down elsewhere; returns it with its serial, and the digest of what was written."""


class AliasMoved(WorldFailed):
    """Another process moved the alias first; worth another look."""


def add_model(
    database: Database,
    pipeline: str,
    model_digest: str,
    evaluation_digest: str,
    inputs: dict[str, str],
    metrics: dict[str, Any],
    run_id: str,
) -> ModelVersion:
    """Give a model the next version; the same model and evaluation keep the version they have."""
    same = and_(
        models.c.pipeline == pipeline,
        models.c.model_digest == model_digest,
        models.c.evaluation_digest == evaluation_digest,
    )
    values = {
        "pipeline": pipeline,
        "model_digest": model_digest,
        "evaluation_digest": evaluation_digest,
        "inputs": json.dumps(inputs),
        "metrics": json.dumps(metrics),
        "run_id": run_id,
    }

    def work(connection: Connection) -> ModelVersion:
        # Writers of one pipeline take turns: SQLite by BEGIN IMMEDIATE, PostgreSQL by this lock.
        if not database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(pipeline))))
        if connection.execute(select(models.c.version).where(same)).first() is None:
            of_pipeline = select(func.coalesce(func.max(models.c.version), 0)).where(models.c.pipeline == pipeline)
            version = connection.execute(of_pipeline).scalar_one() + 1
            connection.execute(insert(models).values(**values, version=version, registered_at=database.now(connection)))
        return _version(connection.execute(select(models).where(same)).one())

    return database.transact(work)


def list_models(database: Database, pipeline: str | None = None) -> list[ModelVersion]:
    query = select(models).order_by(models.c.pipeline, models.c.version)
    if pipeline:
        query = query.where(models.c.pipeline == pipeline)
    return [_version(row) for row in database.transact(lambda connection: connection.execute(query).all())]


def get_alias(database: Database, pipeline: str, alias: str) -> AliasState:
    query = select(aliases.c.version, aliases.c.counter).where(aliases.c.pipeline == pipeline, aliases.c.alias == alias)
    row = database.transact(lambda connection: connection.execute(query).one_or_none())
    return AliasState(row.version, row.counter) if row else AliasState(None, 0)


def set_alias(
    database: Database, pipeline: str, alias: str, seen: AliasState, version: int, who: str, why: str,
    journal: Journal | None = None, kind: str = "",
) -> AliasState:  # fmt: skip
    """Move the alias from the state that was `seen` to `version`; AliasMoved when it is no longer in that state.

    `journal` writes the move down elsewhere before it is committed here; it is called at most once.
    """
    now = AliasState(version, seen.counter + 1)

    def work(connection: Connection) -> AliasState:
        if not _compare_and_set(connection, pipeline, alias, seen, now):
            raise AliasMoved(
                f"{alias} of {pipeline} was moved by another process",
                where=database.name,
                expected=f"the alias at its move {seen.counter}",
                next_step="look again with `seqcls models`",
            )
        move = AliasMove(
            pipeline, alias, now.counter, seen.version, version, who, why, database.now(connection), kind=kind
        )
        move, written = journal(move) if journal else (move, None)
        connection.execute(insert(alias_changes).values(**move.__dict__, journal=written))
        return now

    return database.transact_once(work)


def _compare_and_set(connection: Connection, pipeline: str, alias: str, seen: AliasState, now: AliasState) -> bool:
    """Whether the alias was in the state `seen`; only then it is set."""
    here = and_(aliases.c.pipeline == pipeline, aliases.c.alias == alias)
    if seen.counter == 0:
        values = {"pipeline": pipeline, "alias": alias, "version": now.version, "counter": now.counter}
        try:  # to look first would not do: on PostgreSQL two may look at once, and both see nothing
            with connection.begin_nested():
                connection.execute(insert(aliases).values(**values))
        except IntegrityError:
            return False
        return True
    unmoved = and_(here, aliases.c.counter == seen.counter)
    moved = connection.execute(update(aliases).where(unmoved).values(version=now.version, counter=now.counter))
    return bool(moved.rowcount == 1)


def note_journal(database: Database, move: AliasMove, digest: str) -> None:
    """Which artefact says the same as a move of the ledger."""
    here = and_(
        alias_changes.c.pipeline == move.pipeline,
        alias_changes.c.alias == move.alias,
        alias_changes.c.counter == move.counter,
    )
    database.transact(lambda connection: connection.execute(update(alias_changes).where(here).values(journal=digest)))


def alias_history(database: Database, pipeline: str, alias: str) -> list[Row[Any]]:
    """Every move of an alias, oldest first."""
    query = (
        select(alias_changes)
        .where(alias_changes.c.pipeline == pipeline, alias_changes.c.alias == alias)
        .order_by(alias_changes.c.counter)
    )
    return list(database.transact(lambda connection: connection.execute(query).all()))


def _version(row: Row[Any]) -> ModelVersion:
    return ModelVersion(
        row.pipeline,
        row.version,
        row.model_digest,
        row.evaluation_digest,
        json.loads(row.inputs),
        json.loads(row.metrics),
        row.run_id,
        row.registered_at,
    )
