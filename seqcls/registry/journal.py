"""The journal of alias moves: what the ledger says of each promotion and rollback, once more as an artefact.

In: a move. Out: an artefact `alias_move` without files; its manifest holds pipeline, alias, number, from, to, who, why
and when, and names the model. Promise: it is on disk before the ledger commits the move, so every move that was ever
acknowledged is there when the ledger is lost; a move whose process was killed in between counts only if nothing else
took its number later. What is later is said by serials, not by clocks. (The log before the commit: Mohan and others,
"ARIES", 1992.)
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select

from seqcls.errors import Corrupted
from seqcls.ledger.models import AliasMove, ModelVersion, alias_history, list_models, note_journal
from seqcls.ledger.schema import alias_changes, aliases, models
from seqcls.store.artefacts import ArtefactStore, Ref, verify
from seqcls.store.failpoints import failpoint
from seqcls.store.manifest import parse_meta
from seqcls.store.records import MoveMeta
from seqcls.workspace import Workspace

KIND = "alias_move"
WHO = "seqcls doctor --repair"
PROMOTION, ROLLBACK = "promotion", "rollback"
FIELDS = tuple(AliasMove.__dataclass_fields__)
_LATER = frozenset({"serial", "kind"})
"""Fields that moves of an earlier release do not have."""


@dataclass(frozen=True)
class JournalEntry:
    """A move as an artefact has it."""

    ref: Ref
    move: AliasMove
    model_digest: str
    evaluation_digest: str


def write_move(store: ArtefactStore, move: AliasMove, version: ModelVersion) -> str:
    """The move as an artefact; its digest. The same move gives the same digest, also one of an earlier release."""
    with store.write(KIND) as draft:
        draft.describe(MoveMeta(**{name: value for name, value in asdict(move).items() if name not in _LATER or value}))
        draft.inputs |= {"model": version.model_digest, "evaluation": version.evaluation_digest}
    failpoint("move_written")
    return draft.ref.digest


def read_move(ref: Ref, manifest: dict[str, Any]) -> JournalEntry:
    """A verified manifest as a move; Corrupted when it is none."""
    move = AliasMove(**parse_meta(ref, manifest, MoveMeta).model_dump())
    return JournalEntry(ref, move, manifest["inputs"]["model"], manifest["inputs"]["evaluation"])


def complete_journal(workspace: Workspace, alias: str) -> int:
    """Write what the journal lacks: moves of an older release, artefacts that were damaged. Returns how many."""
    name, written = workspace.pipeline.name, 0
    versions = {item.version: item for item in list_models(workspace.ledger, name)}
    for row in alias_history(workspace.ledger, name, alias):
        if row.journal is None or workspace.store.find_whole(KIND, row.journal) is None:
            move = as_move(row)
            note_journal(workspace.ledger, move, write_move(workspace.store, move, versions[row.to_version]))
            written += 1
    return written


def read_journal(store: ArtefactStore, pipeline: str, alias: str) -> list[JournalEntry]:
    """Every move of an alias that was written down, carried out or not."""
    entries = []
    for ref in store.all():
        if ref.kind == KIND:
            with suppress(Corrupted):  # `seqcls doctor` names it among the artefacts
                entries.append(read_move(ref, verify(ref)))
    return [entry for entry in entries if (entry.move.pipeline, entry.move.alias) == (pipeline, alias)]


def unknown_moves(workspace: Workspace, alias: str) -> list[AliasMove]:
    """Moves of the journal that would follow the ledger's last one: it was replaced by an older one, or a process was
    killed between journal and commit."""
    name = workspace.pipeline.name
    known = [as_move(row) for row in alias_history(workspace.ledger, name, alias)]
    entries = read_journal(workspace.store, name, alias)
    return [entry.move for entry in follow(entries, known[-1] if known else None)]


def as_move(row: Row[Any]) -> AliasMove:
    """A row of the ledger as a move."""
    return AliasMove(*(getattr(row, field) for field in FIELDS))


def wrong_times(moves: list[AliasMove]) -> list[str]:
    """What to say of moves whose times contradict their order: a clock was ahead, or set back."""
    return [
        f"move {after.counter} (to v{after.to_version}) carries an earlier time than move {before.counter} "
        f"(to v{before.to_version}): a clock was wrong; the numbers count, not the times"
        for before, after in pairwise(moves)
        if after.changed_at < before.changed_at
    ]


def restore_aliases(connection: Connection, entries: Iterable[JournalEntry]) -> list[str]:
    """Add the moves that a ledger does not know and point its aliases where the last one says; what was done."""
    by_alias: dict[tuple[str, str], list[JournalEntry]] = {}
    for entry in entries:
        by_alias.setdefault((entry.move.pipeline, entry.move.alias), []).append(entry)
    return [line for key, own in sorted(by_alias.items()) for line in _restore(connection, *key, own)]


def _restore(connection: Connection, pipeline: str, alias: str, entries: list[JournalEntry]) -> list[str]:
    here = and_(alias_changes.c.pipeline == pipeline, alias_changes.c.alias == alias)
    ordered = select(alias_changes).where(here).order_by(alias_changes.c.counter)
    known = [as_move(row) for row in connection.execute(ordered)]
    last = known[-1].counter if known else 0
    usable = {
        (row.version, row.model_digest, row.evaluation_digest)
        for row in connection.execute(select(models).where(models.c.pipeline == pipeline))
    }
    new = follow(entries, known[-1] if known else None)
    good = [entry for entry in new if (entry.move.to_version, entry.model_digest, entry.evaluation_digest) in usable]
    if not good:
        return []
    for entry in new:
        connection.execute(insert(alias_changes).values(**entry.move.__dict__, journal=entry.ref.digest))
    said = [f"{pipeline}: {len(new)} moves of the {alias} taken from the journal"]
    end = new[-1].move
    if end.counter != last + len(new):
        said.append(f"{pipeline}: {end.counter - last - len(new)} moves of the {alias} are missing in the journal")
    said += [f"{pipeline}: {line}" for line in wrong_times([*known[-1:], *(entry.move for entry in new)])]
    if new[-1] is not good[-1]:
        end = _fall_back(connection, end, good[-1].move, max(entry.move.serial for entry in entries) + 1)
    connection.execute(delete(aliases).where(aliases.c.pipeline == pipeline, aliases.c.alias == alias))
    state = {"version": end.to_version, "counter": end.counter}
    connection.execute(insert(aliases).values(pipeline=pipeline, alias=alias, **state))
    said.append(f"{pipeline}: {alias} is v{end.to_version} ({end.who}: {end.why}); `seqcls promote` changes it")
    return said


def _fall_back(connection: Connection, end: AliasMove, good: AliasMove, serial: int) -> AliasMove:
    """The last version of the journal is not usable: one move more, to the last one that is."""
    why = f"v{end.to_version}, to which it pointed, is damaged"
    move = replace(
        good, counter=end.counter + 1, from_version=end.to_version, who=WHO, why=why, changed_at=end.changed_at,
        serial=serial, kind=ROLLBACK,
    )  # fmt: skip
    connection.execute(insert(alias_changes).values(**move.__dict__))
    return move


def follow(entries: list[JournalEntry], last: AliasMove | None) -> list[JournalEntry]:
    """The moves after the `last` one of the ledger, in the order of their numbers.

    Of two with one number the one that was written later counts: the earlier was killed before its commit, or belongs
    to a ledger that was replaced by an older one, and so do moves that were written before what they would follow.
    Where serials do not say what was written later, times do, but only once two moves have one number.
    """
    by_number: dict[int, list[JournalEntry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.move.order):
        by_number.setdefault(entry.move.counter, []).append(entry)
    forks = [number for number, own in by_number.items() if len(own) > 1]
    chain: list[JournalEntry] = []
    for number in sorted(number for number in by_number if last is None or number > last.counter):
        entry = by_number[number][-1]
        by_serial = entry.move.serial > 0 or (last is not None and last.serial > 0)
        if last is not None and entry.move.order < last.order and (by_serial or number > min(forks, default=number)):
            break
        chain.append(entry)
        last = entry.move
    return chain
