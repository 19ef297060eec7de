"""Which artefacts the ledger names, and why: what `seqcls doctor` verifies and `seqcls gc` must keep.

In: a ledger. Out: (kind, digest) -> what needs it. All pipelines of the ledger are read: a store may have several.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Row, and_, delete, or_, select, update

from seqcls.ledger.database import Database
from seqcls.ledger.schema import alias_changes, aliases, chunks, decisions, inputs, models, sightings, stages
from seqcls.store.failpoints import failpoint

Named = tuple[str, str]
"""Kind and digest of an artefact."""


@dataclass(frozen=True)
class References:
    """What is named, by whom; and the versions that nothing needs once only the newest are kept."""

    named: dict[Named, str]
    retired: tuple[tuple[str, int], ...]
    stage_results: frozenset[Named]
    """Named by stages only: whatever is missing there is made again."""
    open_rows: frozenset[Named] = frozenset()
    """The rows of inputs that are not scored to their end."""


def find_references(database: Database, keep: int | None = None, held: Collection[Named] = ()) -> References:
    """Champions, earlier champions, versions that scored something, those of which a run has taken up the model
    (`held`), and the newest `keep` (None: all) are needed."""

    def work(connection: Connection) -> References:
        versions = list(connection.execute(select(models).order_by(models.c.version)))
        wanted = _needed_versions(connection, versions, keep, held)
        named: dict[Named, str] = {}
        for row in versions:
            if (row.pipeline, row.version) in wanted:
                parts = {**json.loads(row.inputs), "model": row.model_digest, "evaluation": row.evaluation_digest}
                for kind, digest in parts.items():
                    named.setdefault((kind, digest), f"{row.pipeline}@v{row.version}")
        for row in connection.execute(select(chunks).where(chunks.c.state == "done")):
            named[("scores", row.scores_digest)] = f"chunk {row.chunk} of input {row.input_digest[:16]}"
        for row in connection.execute(select(alias_changes).where(alias_changes.c.journal.is_not(None))):
            named[("alias_move", row.journal)] = f"move {row.counter} of {row.pipeline}'s {row.alias}"
        for row in connection.execute(select(decisions)):
            named[("decision", row.digest)] = f"decision {row.number} about {row.pipeline}@v{row.version}"
        for row in connection.execute(select(sightings).where(sightings.c.record.is_not(None))):
            named[("sightings", row.record)] = f"names of files of {row.pipeline}"
        kept = {digest for kind, digest in named if kind == "model"}
        for row in connection.execute(select(stages).where(stages.c.stage == "race")):
            if json.loads(row.facts)["model"] in kept:
                named[(row.kind, row.digest)] = "the engine that scores"
        is_open = and_(inputs.c.state == "open", inputs.c.checked_digest.is_not(None))
        unfinished = list(connection.execute(select(inputs).where(is_open)))
        for row in unfinished:
            named[("checked", row.checked_digest)] = f"{row.name}, not scored to its end"
        retired = [(row.pipeline, row.version) for row in versions if (row.pipeline, row.version) not in wanted]
        results = {(row.kind, row.digest) for row in connection.execute(select(stages))}
        open_rows = frozenset(("checked", row.checked_digest) for row in unfinished)
        return References(named, tuple(retired), frozenset(results - named.keys()), open_rows)

    return database.transact(work)


def _needed_versions(
    connection: Connection, versions: list[Row[tuple[object, ...]]], keep: int | None, held: Collection[Named]
) -> set[object]:
    needed: set[object] = {(row.pipeline, row.version) for row in versions if ("model", row.model_digest) in held}
    for row in connection.execute(select(aliases)):
        needed.add((row.pipeline, row.version))
    for row in connection.execute(select(alias_changes)):
        needed |= {(row.pipeline, row.from_version), (row.pipeline, row.to_version)}
    used = select(chunks.c.pipeline, chunks.c.model_version).where(chunks.c.state == "done").distinct()
    needed |= {(row.pipeline, row.model_version) for row in connection.execute(used)}
    begun = select(inputs.c.pipeline, inputs.c.rescored_with).where(inputs.c.rescored_with > 0).distinct()
    needed |= {(row.pipeline, row.rescored_with) for row in connection.execute(begun)}
    for pipeline in {row.pipeline for row in versions}:
        own = [(row.pipeline, row.version) for row in versions if row.pipeline == pipeline]
        needed.update(own if keep is None else own[len(own) - keep :] if keep < len(own) else own)
    return needed


def release(
    database: Database, keep: int | None, held: Callable[[], Collection[Named]], unneeded: list[Named]
) -> None:  # fmt: skip
    """Take out the rows of retired versions and of stage results that are about to go; close inputs let go of theirs.

    Rows first, files afterwards: the ledger never names what is not there.
    """

    def work(connection: Connection) -> None:
        versions = list(connection.execute(select(models).order_by(models.c.version)))
        wanted = _needed_versions(connection, versions, keep, held())  # as it is now: a champion may have moved
        for pipeline, version in ((row.pipeline, row.version) for row in versions):
            if (pipeline, version) in wanted:
                continue
            connection.execute(delete(models).where(models.c.pipeline == pipeline, models.c.version == version))
        for kind, digest in unneeded:
            connection.execute(delete(stages).where(stages.c.kind == kind, stages.c.digest == digest))
            closed = and_(inputs.c.checked_digest == digest, or_(inputs.c.state == "done", inputs.c.state == "refused"))
            connection.execute(update(inputs).where(closed).values(checked_digest=None))

    database.transact(work)
    failpoint("rows_released")
