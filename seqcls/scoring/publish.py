"""Committed chunks -> score files in the output folder. Promise: the folder holds committed chunks only, each
under a fixed name, whole; a file that a killed run did not get to is published by the next. `_current.json` (a name
that dataset readers pass over) lists the files that count."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict

from seqcls.artefacts import ArtefactStore, file_digest, read_manifest, verify
from seqcls.durable import make_folder, replace_file
from seqcls.errors import Corrupted, DataRefused, WorldFailed
from seqcls.failpoints import failpoint
from seqcls.ledger.chunks import done_chunks, mark_published
from seqcls.manifest import is_inside
from seqcls.scoring.current import list_scorings
from seqcls.temporary import remove_left_over
from seqcls.workspace import Workspace

CURRENT = "_current.json"


class Published(BaseModel):
    """Files written by this call, below the output folder."""

    model_config = ConfigDict(frozen=True)

    scores: tuple[str, ...]
    rejects: tuple[str, ...]


def publish(workspace: Workspace) -> Published:
    """Copy every committed chunk that is not published yet."""
    scores: list[str] = []
    rejects: list[str] = []
    for chunk in done_chunks(workspace.ledger, workspace.pipeline.name):
        if chunk.published:
            continue
        ref = workspace.store.ref("scores", chunk.scores_digest)
        verify(ref)
        _copy(ref.folder / "scores.parquet", workspace.output, chunk.published_as)
        scores.append(chunk.published_as)
        if read_manifest(ref)["meta"]["rejected"]:
            place = rejects_place(chunk.published_as, chunk.rescored_with)
            _copy(ref.folder / "rejects.parquet", workspace.output, place)
            rejects.append(place)
        failpoint("scores_copied")
        mark_published(workspace.ledger, workspace.pipeline.name, chunk.input_digest, chunk.chunk, chunk.rescored_with)
        failpoint("scores_published")
    write_current(workspace)
    return Published(scores=tuple(scores), rejects=tuple(rejects))


def write_current(workspace: Workspace) -> None:
    """`_current.json` in the output folder: which score files count now; untouched when it says so already."""
    files = [
        {
            "file": item.name, "input": item.input_digest, "day": item.day, "models": list(item.models),
            "rows_in": item.rows_in, "scores": [chunk.published_as for chunk in item.chunks],
        }
        for item in list_scorings(workspace)
        if item.current
    ]  # fmt: skip
    data = (json.dumps({"format": 1, "pipeline": workspace.pipeline.name, "files": files}, indent=1) + "\n").encode()
    target = workspace.output / CURRENT
    if files and not (target.is_file() and target.read_bytes() == data):
        place_file(target, lambda writer: writer.write(data))
        failpoint("current_written")


def rejects_place(scores_place: str, rescored_with: int = 0) -> str:
    """Where the rejects of a chunk stand, below the output folder; those of a re-scoring by version, beside the old."""
    place = Path(scores_place)
    return f"rejects/{place if rescored_with else Path(place.parent.name) / place.name}"


def remove_traces(store: ArtefactStore, output: Path) -> int:
    """Clear what killed runs left behind in the store and beside the score files; returns how many."""
    return store.remove_stale() + remove_left_over(output.rglob(".tmp-*"))


def _copy(source: Path, output: Path, place: str) -> None:
    """Never outside of the output folder, never over other scores: what stands there is ours already, or stays."""
    target = output / place
    if not is_inside(target, output):
        raise Corrupted(
            "a score file would come to stand outside of the output folder",
            where=str(target),
            expected=f"a place below {output}",
            next_step="remove the link that leads out; if there is none, the ledger was tampered with: use a backup",
        )
    if target.exists():
        if file_digest(target) == file_digest(source):
            return
        raise DataRefused(
            "other scores stand there, which this ledger does not know",
            where=str(target),
            expected="an output folder of this ledger alone",
            next_step="give each install its own score.output; after an older ledger was put back, "
            "`seqcls doctor CONFIG --repair`",
        )

    def write(writer: BinaryIO) -> None:
        with open(source, "rb") as reader:
            shutil.copyfileobj(reader, writer, 1 << 20)

    place_file(target, write)


def place_file(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Temporary file (leading dot: dataset readers pass over it), fsync, rename, fsync of the folder."""
    try:
        make_folder(target.parent)
        replace_file(target, write)
    except OSError as error:
        raise WorldFailed(
            f"cannot publish scores ({error.strerror})",
            where=str(target),
            next_step="free space or mend the permissions, then run the same command again; the scores are safe",
        ) from None
