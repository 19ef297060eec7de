"""The files of a committed chunk, byte for byte as they were written.

In: a chunk of the ledger. Out: `StoredChunk`: where its scores and rejects stand. Promise: a file of the artefact whose
bytes changed is taken from its published copy, if that is what was written; where neither is, Corrupted names the chunk
and what to do. `join_damage` makes one message of several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from seqcls.errors import Corrupted
from seqcls.scoring.score_folder import rejects_place
from seqcls.store.artefacts import Ref, file_digest, read_manifest
from seqcls.workspace import Workspace

SCORES, REJECTED = "scores.parquet", "rejects.parquet"


@dataclass(frozen=True)
class StoredChunk:
    scores: Path
    rejects: Path
    manifest: dict[str, Any]
    is_whole: bool
    """Whether all of it is the artefact's own."""


def open_chunk(workspace: Workspace, chunk: Row[Any]) -> StoredChunk:
    """Where the rows of a chunk stand; Corrupted where they stand nowhere any more."""
    ref = workspace.store.ref("scores", chunk.scores_digest)
    try:
        workspace.store.whole(ref.kind, ref.digest)
        return StoredChunk(ref.folder / SCORES, ref.folder / REJECTED, read_manifest(ref), is_whole=True)
    except Corrupted as damage:
        found = find_copies(ref, workspace.output)
        if found is None:
            raise Corrupted(
                f"chunk {chunk.chunk} of input {chunk.input_digest[:16]} is damaged: {damage.found}",
                where=damage.where, expected=damage.expected, next_step=damage.next_step,
            ) from damage  # fmt: skip
        return StoredChunk(found[SCORES], found[REJECTED], read_manifest(ref), is_whole=False)


def find_copies(ref: Ref, output: Path) -> dict[str, Path] | None:
    """Each file of a chunk's artefact: its own where it is whole, else the published copy; None if one is neither."""
    try:
        manifest = read_manifest(ref)
        facts, meta = manifest["files"], manifest["meta"]
        place = meta["published_as"]
        copies = {SCORES: output / place, REJECTED: output / rejects_place(place, int(meta.get("rescored_with", 0)))}
        wanted = {name: facts[name]["sha256"] for name in copies}
    except (Corrupted, KeyError):
        return None
    found: dict[str, Path] = {}
    for name, digest in wanted.items():
        for path in (ref.folder / name, copies[name]):
            if path.is_file() and file_digest(path) == digest:
                found.setdefault(name, path)
    return found if found.keys() == wanted.keys() else None


def join_damage(damage: Sequence[Corrupted], others: str, config: str) -> Corrupted:
    """One message that names the chunks; `others` says what was done with those that are whole."""
    listed = "\n".join(f"  {item.where}: {item.found}" for item in damage[:20])
    more = f"\n  and {len(damage) - 20} more" if len(damage) > 20 else ""
    return Corrupted(
        f"{len(damage)} chunk{'s' if len(damage) > 1 else ''} of scores cannot be read ({others})\n{listed}{more}",
        where=config,
        next_step=f"`seqcls doctor {config} --repair`",
    )
