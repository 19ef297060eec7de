"""Score again what was already scored, with a current version: the same chunks, once per version.

In: the inputs of the ledger. Out: `Discovery` and `Prepared`, as for new files. Promise: an input is scored once by a
version, chunk by chunk, and a killed run is gone on with; what the version had scored at first counts; the scores of
before stay. The rows are the checked ones of the first scoring; where `seqcls gc` deleted them the file is read again,
if it still lies in the score folders, under any name.
"""

from __future__ import annotations

from sqlalchemy import Row

from seqcls.errors import DataRefused
from seqcls.ledger.chunks import chunks_by, list_inputs, open_rescoring, sum_chunks
from seqcls.ledger.models import ModelVersion
from seqcls.scoring.arrivals import Discovery, NewFile
from seqcls.scoring.days import day_of_input
from seqcls.scoring.preparing import Prepared, Refusal
from seqcls.scoring.request import ScoreRequest
from seqcls.scoring.rows_again import Places, rows_of
from seqcls.store.failpoints import failpoint
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
    return sum_chunks(done).rows_in == row.rows_in and bool(done)


def prepare_history(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Open a re-scoring for each input; one whose rows are gone for good is refused by name."""
    version, name = discovery.rescored_with, workspace.pipeline.name
    first = {row.input_digest: row for row in list_inputs(workspace.ledger, name)}
    begun = {row.input_digest: row for row in list_inputs(workspace.ledger, name, version)}
    places = Places(workspace)
    ready: list[str] = []
    refused = [Refusal(name=item.name, reason=item.reason, digest=item.digest) for item in discovery.damaged]
    for file in discovery.new:
        try:
            checked = rows_of(workspace, begun.get(file.digest, first[file.digest]), places, version)
        except DataRefused as error:
            refused.append(Refusal(name=file.name, reason=str(error)))
            continue
        open_rescoring(workspace.ledger, first[file.digest], version, checked.digest)
        failpoint("rescoring_opened")
        ready.append(file.digest)
    return Prepared(
        inputs=tuple(ready), refused=tuple(refused), made_again=discovery.made_again, rescored_with=version
    )  # fmt: skip
