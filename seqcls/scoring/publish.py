"""Committed chunks -> score files in the output folder. Promise: the folder holds committed chunks only, each
under a fixed name, whole; a file that a killed run did not get to is published by the next."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from seqcls.artefacts import ArtefactStore, fsync_folder, read_manifest, verify
from seqcls.errors import WorldFailed
from seqcls.failpoints import failpoint
from seqcls.ledger.chunks import done_chunks, mark_published
from seqcls.temporary import remove_left_over, temporary_name
from seqcls.workspace import Workspace


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
        _copy(ref.folder / "scores.parquet", workspace.output / chunk.published_as)
        scores.append(chunk.published_as)
        if read_manifest(ref)["meta"]["rejected"]:
            place = rejects_place(chunk.published_as)
            _copy(ref.folder / "rejects.parquet", workspace.output / place)
            rejects.append(place)
        failpoint("scores_copied")
        mark_published(workspace.ledger, workspace.pipeline.name, chunk.input_digest, chunk.chunk)
        failpoint("scores_published")
    return Published(scores=tuple(scores), rejects=tuple(rejects))


def rejects_place(scores_place: str) -> str:
    """Where the rejects of a chunk stand, below the output folder."""
    return f"rejects/{Path(scores_place).parent.name}/{Path(scores_place).name}"


def remove_traces(store: ArtefactStore, output: Path) -> int:
    """Clear what killed runs left behind in the store and beside the score files; returns how many."""
    return store.remove_stale() + remove_left_over(output.rglob(".tmp-*"))


def _copy(source: Path, target: Path) -> None:
    """Temporary file (leading dot: dataset readers pass over it), fsync, rename, fsync of the folder."""
    temporary = target.with_name(temporary_name())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(source, "rb") as reader, open(temporary, "wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
        os.replace(temporary, target)
        fsync_folder(target.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WorldFailed(
            f"cannot publish scores ({error.strerror})",
            where=str(target),
            next_step="free space or mend the permissions, then run the same command again; the scores are safe",
        ) from None
