"""`seqcls gc`: delete artefacts that nothing needs any more.

In: a workspace. Out: what went (or would go), with its bytes. Promise: kept is all that a version that is kept was made
from (the newest, the champion, earlier champions, versions that scored something), all scores, and the data of inputs
that are not scored to their end; what is younger than `age_seconds` is in use, perhaps, and stays. Rows of the ledger
go before the files that they name; a file goes by being renamed first, so a reader finds it whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from seqcls.artefacts import ArtefactStore, Ref, read_manifest
from seqcls.errors import Corrupted
from seqcls.ledger.references import Named, find_references, release
from seqcls.workspace import Workspace

DAY = 24 * 3600.0
# Scores need the model that made them, but not the night's rows: their ids and places stand in the scores themselves.
_LET_GO = {("scores", "checked")}


@dataclass(frozen=True)
class Garbage:
    """An artefact that nothing needs."""

    ref: Ref
    bytes: int


@dataclass(frozen=True)
class Collection:
    garbage: tuple[Garbage, ...]
    retired: tuple[tuple[str, int], ...]
    """Versions whose models go: (pipeline, version)."""
    kept: int
    too_young: int
    left_overs: int

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.garbage)


def collect_garbage(
    workspace: Workspace, *, keep: int | None = None, age_seconds: float = DAY, dry_run: bool = False
) -> Collection:
    """Find what nothing needs and, unless it is a dry run, delete it."""
    store = workspace.store
    references = find_references(workspace.ledger, keep)
    needed = find_reachable(store, references.named)
    spare = [ref for ref in store.all() if (ref.kind, ref.digest) not in needed]
    old = [ref for ref in spare if _age(ref) >= age_seconds]
    garbage = tuple(Garbage(ref, _size(ref)) for ref in old)
    left_overs = 0
    if not dry_run:
        release(workspace.ledger, references.retired, [(ref.kind, ref.digest) for ref in old])
        for ref in old:
            if _age(ref) >= age_seconds:  # a run may have taken it up meanwhile
                store.discard(ref)
        left_overs = store.remove_stale()
    return Collection(garbage, references.retired, len(needed), len(spare) - len(old), left_overs)


def find_reachable(store: ArtefactStore, roots: Iterable[Named]) -> set[Named]:
    """The roots and all that they were made from, as their manifests say."""
    reached: set[Named] = set()
    waiting = list(roots)
    kinds = {folder.name for folder in (store.root / "artefacts").glob("*")}
    while waiting:
        kind, digest = waiting.pop()
        if (kind, digest) in reached:
            continue
        reached.add((kind, digest))
        try:
            inputs = read_manifest(store.ref(kind, digest))["inputs"]
        except Corrupted:  # `seqcls doctor` speaks of it; what it was made from is named by the ledger too
            continue
        followed = kinds - {name for of, name in _LET_GO if of == kind}
        waiting += [(name, made_of) for name, made_of in inputs.items() if name in followed]
    return reached


def _age(ref: Ref) -> float:
    try:
        return time.time() - ref.folder.stat().st_mtime
    except FileNotFoundError:  # another clean-up was faster
        return -1.0


def _size(ref: Ref) -> int:
    return sum(path.stat().st_size for path in ref.folder.rglob("*") if path.is_file())
