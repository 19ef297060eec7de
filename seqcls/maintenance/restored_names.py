"""Which content each name holds, for a ledger that is rebuilt or completed.

In: a transaction, the evidence of the artefacts. Out: rows of `sightings`, and the counter beyond all numbers. Promise:
scores that were replaced before the ledger was lost are replaced afterwards: what a run saw stands in a record before
anything of it is scored. Scores of an earlier release know their first name only; that is said.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from seqcls.ledger.numbers import reach_number
from seqcls.ledger.schema import sightings
from seqcls.ledger.sightings import Sighting
from seqcls.maintenance.evidence import Evidence, chunk_order

Key = tuple[str, str, str]
"""pipeline, name, digest of the content"""


def restore_names(connection: Connection, evidence: Evidence) -> list[str]:
    """Add the sightings that the ledger does not know, or knows an earlier one of; what there is to say of it."""
    found, first_only = _newest(evidence)
    known = {(row.pipeline, row.name, row.input_digest): row for row in connection.execute(select(sightings))}
    for (pipeline, name, digest), (item, record) in found.items():
        values: dict[str, Any] = {"number": item.number, "seen_at": item.seen_at, "record": record}
        row = known.get((pipeline, name, digest))
        if row is None:
            key = {"pipeline": pipeline, "name": name, "input_digest": digest}
            connection.execute(insert(sightings).values(**key, **values))
        elif (row.number, row.seen_at) < item.order:
            mine = and_(
                sightings.c.pipeline == pipeline, sightings.c.name == name, sightings.c.input_digest == digest
            )  # fmt: skip
            connection.execute(update(sightings).where(mine).values(**values))
    for pipeline, number in _last_numbers(evidence).items():
        reach_number(connection, pipeline, number)
    new = [key for key in first_only if key not in known]
    return [
        f"{name}: of {count} scored files only the first name is known (scored by an earlier release); which of them "
        "another file replaced is known again when `seqcls score` finds the files under their names"
        for name, count in sorted(_count(new).items())
    ]


def _newest(evidence: Evidence) -> tuple[dict[Key, tuple[Sighting, str | None]], list[Key]]:
    """The newest sighting of each name with each content, and its record; which contents no record names."""
    found: dict[Key, tuple[Sighting, str | None]] = {}
    for pipeline, record, item in evidence.sightings:
        key = (pipeline, item.name, item.input_digest)
        if key not in found or found[key][0].order < item.order:
            found[key] = (item, record)
    recorded = {(pipeline, digest) for pipeline, _, digest in found}
    first_only: list[Key] = []
    for _, manifest in evidence.chunks:
        meta, facts, digest = manifest["meta"], manifest["meta"]["input"], manifest["inputs"]["file"]
        key = (meta["pipeline"], facts["name"], digest)
        if (meta["pipeline"], digest) not in recorded and key not in found:
            found[key] = (Sighting(facts["name"], digest, 0, facts.get("seen_at", meta["scored_at"])), None)
            first_only.append(key)
    return found, first_only


def _last_numbers(evidence: Evidence) -> dict[str, int]:
    last: dict[str, int] = {}
    for pipeline, _, item in evidence.sightings:
        last[pipeline] = max(last.get(pipeline, 0), item.number)
    for _, manifest in evidence.chunks:
        pipeline = manifest["meta"]["pipeline"]
        last[pipeline] = max(last.get(pipeline, 0), chunk_order(manifest)[0])
    return last


def _count(keys: list[Key]) -> dict[str, int]:
    return {name: sum(key[0] == name for key in keys) for name in {key[0] for key in keys}}
