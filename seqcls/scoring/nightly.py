"""One scoring run: find what is to do, prepare it, score it, say what came of it.

Promise: a file is known by its content: delivered twice, renamed or late, it is scored once; a file that cannot be
used is refused by name and does not stop the others; the books of the run add up. Scoring history again goes the same
road: a `ScoreRequest` says what is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.display import harmless
from seqcls.errors import CheckBroken, DataRefused
from seqcls.ledger.chunks import list_inputs
from seqcls.registry.journal import complete_journal
from seqcls.registry.versions import CHAMPION, champion, find_version
from seqcls.scoring.arrivals import EVERYTHING, Discovery, discover_new
from seqcls.scoring.chunks import ScorerCache, score_input
from seqcls.scoring.preparing import Prepared, prepare_new
from seqcls.scoring.publish import remove_traces
from seqcls.scoring.request import ScoreRequest, check_request
from seqcls.scoring.rescore import find_history, prepare_history
from seqcls.workspace import Workspace

__all__ = [
    "EVERYTHING", "Discovery", "Night", "Prepared", "ScoreRequest", "discover", "discover_new", "prepare",
    "prepare_new", "require_usable", "score_prepared",
]  # fmt: skip


class NightRows(BaseModel):
    model_config = ConfigDict(frozen=True)

    rows_in: int = 0
    scored: int = 0
    rejected: int = 0
    abstained: int = 0


class Night(BaseModel):
    """The books of one run."""

    model_config = ConfigDict(frozen=True)

    rows: NightRows
    inputs: tuple[dict[str, Any], ...]
    model: str
    rows_per_second: float
    seconds: float
    unfinished: tuple[str, ...]
    """Inputs with chunks that another run holds."""
    engine: str = ""
    """What computed; empty when nothing was to score."""
    note: str = ""
    """Why it was this engine, where that is not what the race of the version says."""


def discover(workspace: Workspace, request: ScoreRequest = EVERYTHING) -> Discovery:
    """What there is to score, once what killed runs left is cleared; no champion (or no such version), no scoring."""
    version = check_request(workspace, request)
    remove_traces(workspace.store, workspace.output)
    complete_journal(workspace, CHAMPION)
    return find_history(workspace, request, version) if request.rescore else discover_new(workspace, request)


def prepare(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Make the rows of every input ready."""
    return prepare_history(workspace, discovery) if discovery.rescored_with else prepare_new(workspace, discovery)


def score_prepared(
    workspace: Workspace, prepared: Prepared, run_id: str, progress: Callable[[int], None] | None = None
) -> Night:
    """Score every prepared input, chunk by chunk: new ones with the champion, old ones with the version asked for."""
    started = time.perf_counter()
    progress = harmless(progress, "the progress of scoring")
    again = prepared.rescored_with
    version = find_version(workspace, again) if again else None
    rows = {row.input_digest: row for row in list_inputs(workspace.ledger, workspace.pipeline.name, again)}
    scorers = ScorerCache(workspace, version)
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
    scored_now, last = sum(r.scored_now for r in results), scorers.opened
    return Night(
        rows=totals,
        inputs=tuple(dict(r.__dict__) for r in results),
        model=(version or champion(workspace)).name,
        seconds=seconds,
        rows_per_second=scored_now / seconds if seconds else 0.0,
        unfinished=tuple(r.name for r in results if not r.complete),
        engine=last.engine.name if last else "",
        note=last.note if last else "",
    )


def require_usable(prepared: Prepared) -> None:
    """After everything else is committed: name the files that could not be used."""
    if prepared.refused:
        listed = "\n".join(f"  {item.reason}{item.also}" for item in prepared.refused)
        once = ", and says in a line which are still there" if prepared.fails_once else ""
        raise DataRefused(
            f"{len(prepared.refused)} file{'s' if len(prepared.refused) > 1 else ''} "
            f"{'set aside' if prepared.fails_once else 'refused'} (all other files are scored)\n{listed}",
            where="score.files",
            next_step=f"mend or remove these files; the next run takes up what has changed{once}",
        )
