"""Stages and runs in the ledger: which key made which artefact, who ran when."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from seqcls.ledger.database import Database
from seqcls.ledger.schema import runs, stages
from seqcls.store.failpoints import failpoint


def find_stage(database: Database, key: str) -> tuple[str, str, dict[str, Any]] | None:
    """(kind, digest, facts) of the artefact that a stage's key made, if it ran."""
    query = select(stages.c.kind, stages.c.digest, stages.c.facts).where(stages.c.key == key)
    row = database.transact(lambda connection: connection.execute(query).one_or_none())
    return (row.kind, row.digest, json.loads(row.facts)) if row else None


def record_stage(database: Database, key: str, stage: str, kind: str, digest: str, facts: dict[str, Any]) -> None:
    """Write (or replace, when the artefact had to be made again) the row of a key."""

    def work(connection: Connection) -> None:
        connection.execute(delete(stages).where(stages.c.key == key))
        connection.execute(
            insert(stages).values(
                key=key,
                stage=stage,
                kind=kind,
                digest=digest,
                facts=json.dumps(facts),
                recorded_at=database.now(connection),
            )
        )

    database.transact(work)


def list_stage(database: Database, stage: str) -> list[tuple[str, dict[str, Any]]]:
    """(digest, facts) of all that a stage made, oldest first."""
    query = select(stages.c.digest, stages.c.facts).where(stages.c.stage == stage).order_by(stages.c.recorded_at)
    rows = database.transact(lambda connection: connection.execute(query).all())
    return [(row.digest, json.loads(row.facts)) for row in rows]


def new_run_id() -> str:
    """A run's own name: time and random part."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def record_run(database: Database, run_id: str, pipeline: str, job: str, outcome: dict[str, Any]) -> None:
    """What came of a run; a run that is retried keeps its first row."""

    def work(connection: Connection) -> None:
        if connection.execute(select(runs.c.run_id).where(runs.c.run_id == run_id)).first() is None:
            values = {"run_id": run_id, "pipeline": pipeline, "job": job, "outcome": json.dumps(outcome)}
            connection.execute(insert(runs).values(**values, ended_at=database.now(connection)))

    database.transact(work)
    failpoint("run_recorded")
