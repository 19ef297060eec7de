"""`seqcls gc`: delete artefacts that nothing needs any more.

In: a workspace. Out: what went (or would go), with its bytes. Promise: kept is all that a version that is kept was made
from (the newest, the champion, earlier champions, versions that scored something), all scores, and the data of inputs
that are not scored to their end; what is younger than `age_seconds` is in use, perhaps, and stays. Rows of the ledger
go before the files that they name; a file goes by being renamed first, so a reader finds it whole or not at all.

Beside a run, whatever `age_seconds` is: the run notes what it takes up (`ArtefactStore.take_up`) before it looks
whether it is there, and takes the note away only when the ledger names what it registered. Each artefact is deleted
only after notes and then the ledger were read again, once before it is renamed and once after: a note that is older
than the renaming is seen then, and the artefact put back; a run that notes later finds nothing and makes it again.
Some (`AT_ONCE`) are renamed together, since reading the ledger takes longer the more it holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from seqcls.errors import Corrupted
from seqcls.ledger.references import Named, find_references, release
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest
from seqcls.workspace import Workspace

DAY = 24 * 3600.0
AT_ONCE = 32
"""Artefacts that share the two readings of the ledger. More: fewer readings; and a reader that looks in the moment
between may find more of them missing."""
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
        release(workspace.ledger, keep, store.held, [(ref.kind, ref.digest) for ref in old])
        find_needed = partial(_find_needed, workspace, keep, {})
        for start in range(0, len(old), AT_ONCE):
            store.discard([ref for ref in old[start : start + AT_ONCE] if _age(ref) >= age_seconds], find_needed)
        left_overs = store.remove_stale()
    return Collection(garbage, references.retired, len(needed), len(spare) - len(old), left_overs)


def _find_needed(workspace: Workspace, keep: int | None, known: dict[Named, dict[str, str]]) -> set[Named]:
    """What runs have taken up meanwhile, and all that the ledger needs now; in this order."""
    held = workspace.store.held()
    references = find_references(workspace.ledger, keep, held)
    return held | find_reachable(workspace.store, references.named, known)


def find_reachable(
    store: ArtefactStore, roots: Iterable[Named], known: dict[Named, dict[str, str]] | None = None
) -> set[Named]:  # fmt: skip
    """The roots and all that they were made from, as their manifests say; `known` keeps these for the next call."""
    known = {} if known is None else known
    reached: set[Named] = set()
    waiting = list(roots)
    kinds = {folder.name for folder in (store.root / "artefacts").glob("*")}
    while waiting:
        kind, digest = waiting.pop()
        if (kind, digest) in reached:
            continue
        reached.add((kind, digest))
        try:
            inputs = known.get((kind, digest)) or read_manifest(store.ref(kind, digest))["inputs"]
        except Corrupted:  # `seqcls doctor` speaks of it; what it was made from is named by the ledger too,
            if kind == "checked":  # but for the table of an open input, from which its rows can be made again
                waiting += [("table", ref.digest) for ref in store.all("table")]
            continue
        known[(kind, digest)] = inputs
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
