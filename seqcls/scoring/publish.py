"""Committed chunks -> score files in the output folder. Promise: the folder holds committed chunks only, each
under a fixed name, whole; a file that a killed run did not get to is published by the next. `_current.json` (a name
that dataset readers pass over) lists the files that count."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row

from seqcls.errors import Corrupted, DataRefused, WorldFailed
from seqcls.ledger.chunks import done_chunks, mark_published
from seqcls.scoring.current import list_scorings
from seqcls.scoring.score_folder import (
    CURRENT,
    entry,
    is_in_place,
    is_own,
    places,
    rejects_place,
    require_own_folder,
    set_file_aside,
    stamp,
)
from seqcls.store.artefacts import ArtefactStore, file_digest
from seqcls.store.durable import make_folder, replace_file
from seqcls.store.failpoints import failpoint
from seqcls.store.manifest import is_inside
from seqcls.store.temporary import remove_left_over
from seqcls.workspace import Workspace

__all__ = ["CURRENT", "Published", "place_file", "publish", "rejects_place", "remove_traces", "write_current"]


class Published(BaseModel):
    """Files written by this call, below the output folder."""

    model_config = ConfigDict(frozen=True)

    scores: tuple[str, ...]
    rejects: tuple[str, ...]
    again: tuple[str, ...] = ()
    """Files of earlier runs that were missing or changed, and are published again."""
    damaged: tuple[str, ...] = ()
    """Chunks that are no longer as they were committed, each with what is wrong; the next run scores them again."""


def publish(workspace: Workspace, *, new_only: bool = False) -> Published:
    """Copy every committed chunk that is not published yet, and again what is missing or was changed since."""
    require_own_folder(workspace)
    scores: list[str] = []
    rejects: list[str] = []
    again: list[str] = []
    damaged: list[str] = []
    for chunk in done_chunks(workspace.ledger, workspace.pipeline.name):
        if chunk.published and (new_only or is_in_place(workspace, chunk)):
            continue
        try:
            ref = workspace.store.whole("scores", chunk.scores_digest)
        except Corrupted as error:  # it must not keep the others from their readers
            damaged.append(f"{chunk.published_as}: {error.found} in {error.where}")
            continue
        for name, place in places(chunk).items():
            outcome = _copy(workspace, chunk, ref.folder / name, place)
            if outcome == "replaced" or (chunk.published and outcome == "placed"):
                again.append(place)
            elif not chunk.published:
                (scores if name == "scores.parquet" else rejects).append(place)
        if chunk.published:
            continue
        failpoint("scores_copied")
        mark_published(workspace.ledger, workspace.pipeline.name, chunk.input_digest, chunk.chunk, chunk.rescored_with)
        failpoint("scores_published")
    write_current(workspace)
    return Published(scores=tuple(scores), rejects=tuple(rejects), again=tuple(again), damaged=tuple(damaged))


def write_current(workspace: Workspace) -> None:
    """`_current.json` in the output folder: which score files count now; untouched when it says so already.

    Looked at again after it was written: of two runs that end together each may have written what it saw before the
    other had committed, and the last one to write sees all.
    """
    target = workspace.output / CURRENT
    while (data := _list_current(workspace)) and not (target.is_file() and target.read_bytes() == data):
        failpoint("current_listed")
        place_file(target, lambda writer, data=data: writer.write(data))  # type: ignore[misc]
        failpoint("current_written")


def _list_current(workspace: Workspace) -> bytes:
    """The list as it is now; a file whose scores another run has yet to publish is left to that run. Empty: no list."""
    scorings = list_scorings(workspace)
    files = [
        entry(item)
        for item in scorings
        if item.current and all((workspace.output / chunk.published_as).is_file() for chunk in item.chunks)
    ]
    if not any(chunk.published for item in scorings for chunk in item.chunks):
        return b""
    return (json.dumps({"format": 1, "pipeline": workspace.pipeline.name, "files": files}, indent=1) + "\n").encode()


def remove_traces(store: ArtefactStore, output: Path) -> int:
    """Clear what killed runs left behind in the store and beside the score files; returns how many."""
    return store.remove_stale() + remove_left_over(output.rglob(".tmp-*"))


def _copy(
    workspace: Workspace, chunk: Row[Any], source: Path, place: str
) -> Literal["there already", "placed", "replaced"]:
    """Never outside of the output folder, never over other scores: what stands there is ours, or stays."""
    output, target = workspace.output, workspace.output / place
    if not is_inside(target, output):
        raise Corrupted(
            "a score file would come to stand outside of the output folder",
            where=str(target),
            expected=f"a place below {output}",
            next_step="remove the link that leads out; if there is none, the ledger was tampered with: use a backup",
        )
    stands = target.exists()
    if stands and file_digest(target) == file_digest(source):
        stamp(source, target)
        return "there already"
    if stands and not chunk.published:
        _clear_place(workspace, chunk, target)

    def write(writer: BinaryIO) -> None:
        with open(source, "rb") as reader:
            shutil.copyfileobj(reader, writer, 1 << 20)

    place_file(target, write)
    stamp(source, target)
    return "replaced" if stands else "placed"


def _clear_place(workspace: Workspace, chunk: Row[Any], target: Path) -> None:
    """Set aside what stands there, if it is this chunk, changed since; DataRefused if it is another's scores."""
    if not is_own(workspace, chunk):
        raise DataRefused(
            "other scores stand there, which this ledger does not know",
            where=str(target),
            expected="an output folder of this ledger alone",
            next_step="give each install its own score.output; after an older ledger was put back, "
            f"`seqcls doctor {workspace.loaded.path} --repair`",
        )
    set_file_aside(workspace, target)


def place_file(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Temporary file (leading dot: dataset readers pass over it), fsync, rename, fsync of the folder."""
    try:
        make_folder(target.parent)
        replace_file(target, write)
    except OSError as error:
        raise WorldFailed(
            f"cannot publish scores ({error.strerror})",
            where=str(target),
            next_step="free space or fix the permissions, then run the same command again; the scores are safe",
        ) from None
