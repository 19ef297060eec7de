"""Damaged chunks of scores: put together again from their published copies, else forgotten and scored again.

In: chunks of the ledger. Out: `Repaired`: in sentences, what was done and what could not be. Promise: a chunk is given
up only when its rows are there to be scored again; what was published of it is set aside first, so no row stands twice;
killed anywhere, the next run finds the chunk damaged still, or open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from seqcls.errors import Corrupted, DataRefused
from seqcls.ledger.chunks import done_chunks, list_inputs
from seqcls.ledger.forgetting import forget_chunk
from seqcls.ledger.references import find_references
from seqcls.registry.journal import complete_journal
from seqcls.registry.versions import CHAMPION
from seqcls.scoring.rows_again import Places, rows_of
from seqcls.scoring.score_folder import is_in_place, rejects_place, set_file_aside
from seqcls.scoring.stored import find_copies, open_chunk
from seqcls.workspace import Workspace


@dataclass
class Repaired:
    done: list[str] = field(default_factory=list)
    beyond: list[tuple[Row[Any], str]] = field(default_factory=list)
    """Inputs with a chunk that cannot be made again now, and why."""


def repair_unread(workspace: Workspace, places: Places) -> Repaired:
    """Before a night: what readers do not have, since it was not published yet, or is gone from the folder."""
    chunks = done_chunks(workspace.ledger, workspace.pipeline.name)
    unread = [chunk for chunk in chunks if not (chunk.published and is_in_place(workspace, chunk))]
    return repair_chunks(workspace, unread, places)


def repair_artefacts(workspace: Workspace) -> list[str]:
    """After the ledger: every committed chunk, moves of the champion that the journal lacks, and results of stages that
    nothing else needs, which are only set aside; in sentences."""
    complete_journal(workspace, CHAMPION)
    spare = [workspace.store.ref(*named) for named in sorted(find_references(workspace.ledger).stage_results)]
    gone = [ref for ref in spare if ref.folder.exists() and not workspace.store.is_whole(ref)]
    chunks = done_chunks(workspace.ledger, workspace.pipeline.name)
    repaired = repair_chunks(workspace, chunks, Places(workspace))
    said = [f"{ref.kind} {ref.digest[:12]} was damaged: set aside, who needs it makes it again" for ref in gone]
    return [*said, *repaired.done, *(f"cannot be repaired: {why}" for _, why in repaired.beyond)]


def repair_chunks(workspace: Workspace, chunks: Iterable[Row[Any]], places: Places) -> Repaired:
    """Whatever of these chunks is damaged."""
    scorings: dict[tuple[str, int], Row[Any]] = {}
    repaired = Repaired()
    for chunk in chunks:
        try:
            whole = open_chunk(workspace, chunk).is_whole
        except Corrupted:
            whole = False
        if whole:
            continue
        if not scorings:
            rows = list_inputs(workspace.ledger, workspace.pipeline.name, None)
            scorings = {(row.input_digest, row.rescored_with): row for row in rows}
        row = scorings[(chunk.input_digest, chunk.rescored_with)]
        try:
            repaired.done.append(_repair(workspace, chunk, row, places))
        except DataRefused as error:
            repaired.beyond.append((row, str(error)))
    return repaired


def _repair(workspace: Workspace, chunk: Row[Any], row: Row[Any], places: Places) -> str:
    """What was done, in a sentence."""
    ref = workspace.store.ref("scores", chunk.scores_digest)
    which = f"chunk {chunk.chunk} of {row.name} was damaged"
    copies = find_copies(ref, workspace.output)
    if copies is not None:
        workspace.store.restore(ref, copies)
        return f"{which}: put together again from its published copy"
    checked = rows_of(workspace, row, places, without=chunk.scores_digest)
    _set_published_aside(workspace, chunk)
    workspace.store.set_aside(ref)
    forget_chunk(workspace.ledger, chunk, checked.digest)
    again = f"--rescore --model v{chunk.rescored_with}" if chunk.rescored_with else ""
    command = f"`seqcls score {workspace.loaded.path}{' ' if again else ''}{again}`"
    return f"{which}: set aside, {command} scores it again"


def _set_published_aside(workspace: Workspace, chunk: Row[Any]) -> None:
    """Into the store's folder of damaged things: beside new scores of the same rows they would count twice."""
    for place in (chunk.published_as, rejects_place(chunk.published_as, chunk.rescored_with)):
        if (workspace.output / place).is_file():
            set_file_aside(workspace, workspace.output / place)
