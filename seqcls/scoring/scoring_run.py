"""One scoring run: find what is to do, prepare it, score it, say what came of it.

Promise: a file is known by its content: delivered twice, renamed or late, it is scored once; a file that cannot be
used is refused by name and does not stop the others; the books of the run add up. Scoring history again goes the same
road: a `ScoreRequest` says what is asked for.
"""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row

from seqcls.errors import BudgetExceeded, Corrupted, FilesRefused, NotEnough
from seqcls.ledger.chunks import list_inputs
from seqcls.ledger.stages import new_run_id
from seqcls.ledger.tries import cut_off
from seqcls.registry.journal import complete_journal
from seqcls.registry.versions import CHAMPION, champion, find_version, settle
from seqcls.scoring.arrivals import EVERYTHING, Damaged, Discovery, discover_new
from seqcls.scoring.chunks import ScoredInput, ScorerCache, score_input
from seqcls.scoring.preparing import Prepared, Refusal, prepare_new, told_before
from seqcls.scoring.publish import Published, publish, remove_traces
from seqcls.scoring.repairing import repair_unread
from seqcls.scoring.request import ScoreRequest, check_request
from seqcls.scoring.rescore import find_history, prepare_history
from seqcls.scoring.rows_again import Places
from seqcls.scoring.score_folder import require_own_folder
from seqcls.scoring.unscored import over_budget
from seqcls.store.owner import is_gone
from seqcls.table import ScoreCounts
from seqcls.workspace import Workspace

__all__ = [
    "EVERYTHING", "Discovery", "Prepared", "ScoreRequest", "ScoringRun", "discover", "discover_new", "prepare",
    "prepare_new", "require_published", "require_usable", "score_prepared", "with_refused",
]  # fmt: skip


class ScoringRun(BaseModel):
    """What one run did."""

    model_config = ConfigDict(frozen=True)

    rows: ScoreCounts
    inputs: tuple[ScoredInput, ...]
    model: str
    rows_per_second: float
    seconds: float
    unfinished: tuple[str, ...]
    """Inputs with chunks that another run holds."""
    engine: str = ""
    """What computed; empty when nothing was to score."""
    note: str = ""
    """Why it was this engine, where that is not what the race of the version says."""
    refused: tuple[Refusal, ...] = ()
    """Inputs for whose chunks memory or space did not suffice, while it did for others."""
    set_aside: tuple[Refusal, ...] = ()
    """The same, for which a run has failed before."""
    over_budget: tuple[Refusal, ...] = ()
    """Inputs that are scored, of which the model could not score too many rows."""


def discover(workspace: Workspace, request: ScoreRequest = EVERYTHING) -> Discovery:
    """What there is to score, once what killed runs left is cleared; no champion (or no such version), no scoring.

    What they committed is published first: a run that a file of the inbox ends (the kernel, for lack of memory) would
    not come to it either.
    """
    require_own_folder(workspace)
    version = check_request(workspace, request)
    remove_traces(workspace.store, workspace.output)
    complete_journal(workspace, CHAMPION)
    for line in settle(workspace):
        workspace.listener.note(line)
    repaired = repair_unread(workspace, Places(workspace))
    first = publish(workspace, new_only=True)  # what is missing or changed of older runs comes at the end
    found = find_history(workspace, request, version) if request.rescore else discover_new(workspace, request)
    damaged = [Damaged(name=row.name, digest=row.input_digest, reason=why) for row, why in repaired.beyond]
    again = [f"published again, missing or changed since: {', '.join(first.again)}"] if first.again else []
    return found.model_copy(update={"made_again": (*repaired.done, *again), "damaged": tuple(damaged)})


def prepare(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Make the rows of every input ready. Files that a run did not live to read come when all else is published."""
    if discovery.rescored_with:
        return prepare_history(workspace, discovery)
    fatal = cut_off(workspace.ledger, workspace.pipeline.name, is_gone)
    suspects = tuple(file for file in discovery.new if file.digest in fatal)
    if suspects and len(suspects) < len(discovery.new):
        others = tuple(file for file in discovery.new if file.digest not in fatal)
        score_prepared(workspace, prepare_new(workspace, discovery.only(others)), new_run_id())
        publish(workspace, new_only=True)
        discovery = discovery.only((*others, *suspects))
    return prepare_new(workspace, discovery)


def score_prepared(workspace: Workspace, prepared: Prepared, run_id: str) -> ScoringRun:
    """Score every prepared input, chunk by chunk: new ones with the champion, old ones with the version asked for."""
    started = time.perf_counter()
    again = prepared.rescored_with
    version = find_version(workspace, again) if again else None
    rows = {row.input_digest: row for row in list_inputs(workspace.ledger, workspace.pipeline.name, again)}
    scorers = ScorerCache(workspace, version)
    results: list[ScoredInput] = []
    short: list[tuple[Row[Any], NotEnough]] = []
    too_many: list[Refusal | None] = []
    for digest in prepared.inputs:
        try:
            results.append(score_input(workspace, rows[digest], scorers, run_id))
            too_many.append(over_budget(workspace, rows[digest], results[-1]))
        except NotEnough as error:
            short.append((rows[digest], error))
    refused, told = _too_large(workspace, short)
    if refused and not results:
        raise short[0][1]
    seconds = time.perf_counter() - started
    totals = sum((result.counts for result in results), ScoreCounts())
    totals.require_balance(workspace.pipeline.name)
    scored_now, last = sum(r.scored_now for r in results), scorers.opened
    return ScoringRun(
        rows=totals,
        inputs=tuple(results),
        model=(version or champion(workspace)).name,
        seconds=seconds,
        rows_per_second=scored_now / seconds if seconds else 0.0,
        unfinished=tuple(r.name for r in results if not r.complete),
        engine=last.engine.name if last else "",
        note=last.note if last else "",
        refused=refused,
        set_aside=told,
        over_budget=tuple(filter(None, too_many)),
    )


def _too_large(
    workspace: Workspace, short: list[tuple[Row[Any], NotEnough]]
) -> tuple[tuple[Refusal, ...], tuple[Refusal, ...]]:
    """Inputs whose chunks ask for more memory or space than there is; they stay open, and come after new ones."""
    found = [Refusal(name=row.name, reason=f"{row.name}: {error}", digest=row.input_digest) for row, error in short]
    return told_before(workspace, found)


def with_refused(prepared: Prepared, run: ScoringRun) -> Prepared:
    """What was prepared, with the inputs that could not be scored among those that could not be used."""
    refused, told = (*prepared.refused, *run.refused), (*prepared.set_aside, *run.set_aside)
    return prepared.model_copy(update={"refused": refused, "set_aside": told, "over_budget": run.over_budget})


def require_usable(prepared: Prepared) -> None:
    """After everything else is committed: name the files that could not be used, or of which too little was scored."""
    heads, steps = [], []
    if prepared.refused:
        done = "set aside" if prepared.fails_once else "refused"
        once = ", and says in a line which are still there" if prepared.fails_once else ""
        heads.append(f"{_files(prepared.refused)} {done} (all other files are scored)")
        steps.append(f"fix or remove these files; the next run takes up what has changed{once}")
    if prepared.over_budget:
        heads.append(f"{_files(prepared.over_budget)} scored with too many rows rejected (published)")
        steps.append("look at what the score files hold of these; they are not scored again by themselves")
    if heads:
        listed = "\n".join(f"  {item.reason}{item.also}" for item in (*prepared.refused, *prepared.over_budget))
        failure = FilesRefused if prepared.refused else BudgetExceeded
        raise failure(f"{'; '.join(heads)}\n{listed}", where="score.files", next_step="; ".join(steps))


def _files(items: tuple[Refusal, ...]) -> str:
    return f"{len(items)} file{'s' if len(items) > 1 else ''}"


def require_published(files: Published) -> None:
    """After all else is published: name the chunks whose bytes changed between their commit and their copy."""
    if files.damaged:
        listed = "\n".join(f"  {item}" for item in files.damaged)
        raise Corrupted(
            f"{len(files.damaged)} of the committed chunks cannot be published (all others are)\n{listed}",
            where="the store",
            next_step="run the same command again: it scores them again",
        )
