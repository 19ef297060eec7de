"""Scoring again what was scored before, with a version of now: the same chunks, once for each version.

In: the inputs of the ledger. Out: `Discovery` and `Prepared`, as for new files. Promise: an input is scored once by a
version, chunk by chunk, and a killed run is gone on with; what the version had scored at first counts; the scores of
before stay. The rows are the checked ones of the first scoring; where `seqcls gc` deleted them the file is read again,
if it still lies in the score folders, under any name.
"""

from __future__ import annotations

from sqlalchemy import Row

from seqcls.artefacts import Ref, read_manifest
from seqcls.errors import DataRefused
from seqcls.failpoints import failpoint
from seqcls.ledger.chunks import chunks_by, list_inputs, open_rescoring
from seqcls.ledger.models import ModelVersion
from seqcls.scoring.arrivals import Discovery, NewFile, list_files
from seqcls.scoring.days import day_of_input
from seqcls.scoring.preparing import Prepared, Refusal, check_file
from seqcls.scoring.request import ScoreRequest
from seqcls.table import InputFile
from seqcls.workspace import Workspace

FirstScoring = Row[tuple[object, ...]]


def find_history(workspace: Workspace, request: ScoreRequest, version: ModelVersion) -> Discovery:
    """Inputs that were scored to their end, by whether this version scored them; paths are looked up when needed."""
    new: list[NewFile] = []
    known: list[str] = []
    outside: list[str] = []
    for row in list_inputs(workspace.ledger, workspace.pipeline.name):
        day = day_of_input(row)
        if row.state != "done":
            continue
        if not request.covers(day):
            outside.append(row.name)
        elif _is_scored(workspace, row, version.version):
            known.append(row.name)
        else:
            new.append(NewFile(name=row.name, path="", digest=row.input_digest, size=0, day=str(day), rows=row.rows_in))
    return Discovery(
        new=tuple(new), known=tuple(known), waiting=(), outside=tuple(outside), rescored_with=version.version,
        request=request,
    )  # fmt: skip


def _is_scored(workspace: Workspace, row: FirstScoring, version: int) -> bool:
    done = chunks_by(workspace.ledger, workspace.pipeline.name, row.input_digest, version)
    return sum(chunk.rows_in for chunk in done) == row.rows_in and bool(done)


def prepare_history(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Open a re-scoring for each input; one whose rows are gone for good is refused by name."""
    version, name = discovery.rescored_with, workspace.pipeline.name
    first = {row.input_digest: row for row in list_inputs(workspace.ledger, name)}
    begun = {row.input_digest: row for row in list_inputs(workspace.ledger, name, version)}
    places: dict[str, InputFile] | None = None
    ready: list[str] = []
    refused: list[Refusal] = []
    for file in discovery.new:
        row = begun.get(file.digest, first[file.digest])
        wanted = _fixed_rows(workspace, row, version)
        checked = workspace.store.find_whole("checked", row.checked_digest) if row.checked_digest else None
        try:
            if checked is None:
                places = _places(workspace) if places is None else places
                checked = _read_again(workspace, file, places, wanted)
        except DataRefused as error:
            refused.append(Refusal(name=file.name, reason=str(error)))
            continue
        open_rescoring(workspace.ledger, first[file.digest], version, checked.digest)
        failpoint("rescoring_opened")
        ready.append(file.digest)
    return Prepared(inputs=tuple(ready), refused=tuple(refused), rescored_with=version)


def _places(workspace: Workspace) -> dict[str, InputFile]:
    """Where each content lies in the score folders now."""
    return {file.digest: file for file in list_files(workspace).files}


def _fixed_rows(workspace: Workspace, row: FirstScoring, version: int) -> str | None:
    """The rows that a chunk of this scoring was cut from: its other chunks must be cut from the same."""
    done = chunks_by(workspace.ledger, workspace.pipeline.name, row.input_digest, version)
    if not done:
        return None
    return str(read_manifest(workspace.store.ref("scores", done[0].scores_digest))["inputs"]["checked"])


def _read_again(workspace: Workspace, file: NewFile, places: dict[str, InputFile], wanted: str | None) -> Ref:
    """The checked rows of a file whose first ones are gone, under its first name."""
    if file.digest not in places:
        raise DataRefused(
            "cannot be scored again: its rows were cleared away by `seqcls gc`, and the file is gone", where=file.name,
            expected=f"a file with SHA-256 {file.digest[:16]} in the score folders",
            next_step="put the file back, under any name, and run the same command again",
        )  # fmt: skip
    place = places[file.digest]
    found = check_file(workspace, file.model_copy(update={"path": str(place.path), "size": place.size}))
    if wanted not in (None, found.digest):
        raise DataRefused(
            "was scored again in part, and reading the file again gives other rows now", where=file.name,
            expected="the rows of before (the rules or the release of seqcls changed since)",
            next_step="finish with the rules of before, or re-score with another version",
        )  # fmt: skip
    return found
