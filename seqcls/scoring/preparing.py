"""Discovered files -> inputs that are ready to score. In: `Discovery`. Out: `Prepared`, and `checked` artefacts.

Promise: each file is ingested and validated by itself; one that cannot be used is refused by name, one that changes
meanwhile is left for the next run, and neither stops the others.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from seqcls.artefacts import Ref
from seqcls.errors import DataRefused
from seqcls.failpoints import failpoint
from seqcls.ledger.chunks import close_input, list_inputs, open_input
from seqcls.scoring.arrivals import Discovery, NewFile
from seqcls.scoring.days import day_of_input
from seqcls.sources.arriving import is_unchanged
from seqcls.stages import ingest_files, validate_stage
from seqcls.workspace import Workspace


class Refusal(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    reason: str


class Prepared(BaseModel):
    """Inputs ready to score, by digest, and the files that could not be used."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[str, ...]
    refused: tuple[Refusal, ...]
    waiting: tuple[str, ...] = ()
    """Files that are perhaps still being written, each with the sign of it; the next run looks again."""
    rescored_with: int = 0
    """The version that scores these inputs again; 0 = new ones, scored by the champion."""


def prepare_new(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Ingest and validate each new file; also take up inputs that an earlier run left open."""
    ready: list[str] = []
    refused: list[Refusal] = []
    waiting = list(discovery.waiting)
    for file in discovery.new:
        try:
            checked = check_file(workspace, file)
        except DataRefused as error:
            close_input(workspace.ledger, workspace.pipeline.name, file.digest, "refused", detail=str(error))
            if is_unchanged(file.as_input(), workspace.pipeline.score_source, workspace.folder):
                refused.append(Refusal(name=file.name, reason=str(error)))
            else:
                waiting.append(f"{file.name} (changed while being read)")
            continue
        open_input(
            workspace.ledger, workspace.pipeline.name, file.digest, checked.digest, workspace.pipeline.score.chunk_rows
        )
        failpoint("input_opened")
        ready.append(file.digest)
    left = [
        row.input_digest
        for row in list_inputs(workspace.ledger, workspace.pipeline.name)
        if row.state == "open" and row.checked_digest and discovery.request.covers(day_of_input(row))
    ]
    return Prepared(
        inputs=tuple(dict.fromkeys([*ready, *left])), refused=tuple(refused), waiting=tuple(waiting)
    )  # fmt: skip


def check_file(workspace: Workspace, file: NewFile) -> Ref:
    """One file -> its `checked` rows."""
    table = ingest_files(workspace, [file.as_input()], labelled=False)
    return validate_stage(workspace, table.ref, labelled=False).ref
