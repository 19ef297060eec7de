"""One night of scoring: find what is new, validate it, score it, say what came of it.

Promise: a file is known by its content: delivered twice, renamed or late, it is scored once; a file that cannot be
used is refused by name and does not stop the others; the books of the night add up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.errors import CheckBroken, ConfigRefused, DataRefused
from seqcls.failpoints import failpoint
from seqcls.ledger.chunks import close_input, list_inputs, open_input, see_input
from seqcls.registry.versions import champion
from seqcls.scoring.chunks import ScorerCache, score_input
from seqcls.scoring.publish import remove_traces
from seqcls.sources.discover import find_files
from seqcls.stages import ingest_files, validate_stage
from seqcls.table import InputFile
from seqcls.workspace import Workspace


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewFile(_Record):
    """A file whose content was not scored before."""

    name: str
    path: str
    digest: str
    size: int


class Discovery(_Record):
    """What the score folders hold."""

    new: tuple[NewFile, ...]
    known: tuple[str, ...]
    """Names whose content was scored before, under this or another name."""
    waiting: tuple[str, ...]
    """Names changed too recently: perhaps still being written."""


class Refusal(_Record):
    name: str
    reason: str


class Prepared(_Record):
    """Inputs ready to score, by digest, and the files that could not be used."""

    inputs: tuple[str, ...]
    refused: tuple[Refusal, ...]


class NightRows(_Record):
    rows_in: int = 0
    scored: int = 0
    rejected: int = 0
    abstained: int = 0


class Night(_Record):
    """The books of one run."""

    rows: NightRows
    inputs: tuple[dict[str, Any], ...]
    model: str
    rows_per_second: float
    seconds: float
    unfinished: tuple[str, ...]
    """Inputs with chunks that another run holds."""


def discover_new(workspace: Workspace) -> Discovery:
    """List the score folders and tell new content from known."""
    settings = workspace.pipeline.score
    if not settings.files:
        raise ConfigRefused(
            "score.files is empty",
            where=str(workspace.loaded.path),
            expected='files to score, such as files = ["incoming/*.csv"]',
            next_step="name them under [score]",
        )
    remove_traces(workspace.store, workspace.output)
    found = find_files(workspace.pipeline.score_source, workspace.folder, list(settings.files), allow_none=True)
    known = {
        row.input_digest: row for row in list_inputs(workspace.ledger, workspace.pipeline.name) if row.state == "done"
    }
    new: dict[str, NewFile] = {}
    seen: list[str] = []
    waiting: list[str] = []
    for file in found:
        if file.path.is_file() and time.time() - file.path.stat().st_mtime < settings.stable_seconds:
            waiting.append(file.name)
            continue
        see_input(workspace.ledger, workspace.pipeline.name, file.digest, file.name)
        failpoint("input_seen")
        if file.digest in known or file.digest in new:
            seen.append(file.name)
        else:
            new[file.digest] = NewFile(name=file.name, path=str(file.path), digest=file.digest, size=file.size)
    return Discovery(new=tuple(new.values()), known=tuple(seen), waiting=tuple(waiting))


def prepare_new(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Ingest and validate each new file by itself; also take up inputs that an earlier run left open."""
    ready: list[str] = []
    refused: list[Refusal] = []
    for file in discovery.new:
        try:
            _prepare(workspace, file)
            ready.append(file.digest)
        except DataRefused as error:
            close_input(workspace.ledger, workspace.pipeline.name, file.digest, "refused", detail=str(error))
            refused.append(Refusal(name=file.name, reason=str(error)))
    left = [
        row.input_digest
        for row in list_inputs(workspace.ledger, workspace.pipeline.name)
        if row.state == "open" and row.checked_digest
    ]
    return Prepared(inputs=tuple(dict.fromkeys([*ready, *left])), refused=tuple(refused))


def _prepare(workspace: Workspace, file: NewFile) -> None:
    table = ingest_files(workspace, [InputFile(Path(file.path), file.name, file.digest, file.size)], labelled=False)
    checked = validate_stage(workspace, table.ref, labelled=False)
    open_input(
        workspace.ledger, workspace.pipeline.name, file.digest, checked.ref.digest, workspace.pipeline.score.chunk_rows
    )
    failpoint("input_opened")


def score_prepared(
    workspace: Workspace, prepared: Prepared, run_id: str, progress: Callable[[int], None] | None = None
) -> Night:
    """Score every prepared input with the champion, chunk by chunk."""
    started = time.perf_counter()
    rows = {row.input_digest: row for row in list_inputs(workspace.ledger, workspace.pipeline.name)}
    scorers = ScorerCache(workspace)
    results = [score_input(workspace, rows[digest], scorers, run_id, progress) for digest in prepared.inputs]
    seconds = time.perf_counter() - started
    totals = NightRows(
        rows_in=sum(r.rows_in for r in results),
        scored=sum(r.scored for r in results),
        rejected=sum(r.rejected for r in results),
        abstained=sum(r.abstained for r in results),
    )
    if totals.rows_in != totals.scored + totals.rejected + totals.abstained:
        raise CheckBroken(f"the night's books do not add up: {totals}", where=workspace.pipeline.name)
    scored_now = sum(r.scored_now for r in results)
    return Night(
        rows=totals,
        inputs=tuple(dict(r.__dict__) for r in results),
        model=champion(workspace).name,
        seconds=seconds,
        rows_per_second=scored_now / seconds if seconds else 0.0,
        unfinished=tuple(r.name for r in results if not r.complete),
    )


def require_usable(prepared: Prepared) -> None:
    """After everything else is committed: name the files that could not be used."""
    if prepared.refused:
        listed = "\n".join(f"  {item.reason}" for item in prepared.refused)
        raise DataRefused(
            f"{len(prepared.refused)} file{'s' if len(prepared.refused) > 1 else ''} refused "
            f"(all other files are scored)\n{listed}",
            where="score.files",
            next_step="mend or remove these files; the next run takes up what has changed",
        )
