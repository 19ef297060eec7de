"""Discovered files -> inputs that are ready to score. In: `Discovery`. Out: `Prepared`, and `checked` artefacts.

Promise: each file is ingested and validated by itself; one that cannot be used is refused by name, one that changes
meanwhile is left for the next run, and neither stops the others. Memory or space that does not suffice is the fault of
the file where it suffices for another, and of the world where it does not. With `score.unusable = "set_aside"` a file
fails one run; the next ones try it again, and only say so while it cannot be used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from seqcls.errors import DataRefused, InputFailed, NotEnough, SeqclsError
from seqcls.ledger.chunks import close_input, list_inputs, open_input
from seqcls.ledger.forgetting import fix_rows
from seqcls.ledger.set_aside import set_aside_since
from seqcls.ledger.tries import trying
from seqcls.scoring.arrivals import Damaged, Discovery, NewFile, Unusable
from seqcls.scoring.days import day_of_input
from seqcls.scoring.request import ScoreRequest
from seqcls.scoring.rows_again import Places, check_file, layout_of, rows_of
from seqcls.sources.arriving import is_unchanged
from seqcls.store.failpoints import failpoint
from seqcls.store.owner import this_process
from seqcls.workspace import Workspace


class Refusal(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    reason: str
    digest: str = ""
    copies: tuple[str, ...] = ()
    """Further names of the same content."""
    checked: str = ""
    """The folder of its `checked` artefact, where it was a check that said no."""
    since: str = ""
    """Set aside: the day (UTC) of the run that failed for it."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.copies)

    @property
    def also(self) -> str:
        """What else it is called."""
        return f" (the same content: {', '.join(self.copies)})" if self.copies else ""

    @property
    def line(self) -> str:
        """What is wrong with it, in a line."""
        return " ".join(self.reason.split()) + self.also


class Prepared(BaseModel):
    """Inputs ready to score, by digest, and the files that could not be used: these fail the run at its end."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[str, ...]
    refused: tuple[Refusal, ...]
    waiting: tuple[str, ...] = ()
    """Files that are perhaps still being written, each with the sign of it; the next run looks again."""
    rescored_with: int = 0
    """The version that scores these inputs again; 0 = new ones, scored by the champion."""
    set_aside: tuple[Refusal, ...] = ()
    """Files that still cannot be used, for which a run has failed before: this one goes on without a failure."""
    made_again: tuple[str, ...] = ()
    """Sentences: what was damaged in the store, and what was done about it."""
    over_budget: tuple[Refusal, ...] = ()
    """Inputs that are scored, of which more rows were rejected than `score.reject_budget` allows: they fail the run."""
    fails_once: bool = False
    """Whether `refused` fail this run only: they are set aside at its end."""


def prepare_new(workspace: Workspace, discovery: Discovery) -> Prepared:
    """Ingest and validate each new file; also take up inputs that an earlier run left open."""
    ready: list[str] = []
    entries: list[Unusable | Damaged] = [*discovery.unusable, *discovery.damaged]
    refused = [Refusal(name=item.name, reason=item.reason, digest=item.digest) for item in entries]
    short: list[NotEnough] = []
    layout = layout_of(workspace)
    waiting = list(discovery.waiting)
    for file in _refused_last(workspace, discovery.new):
        try:
            with trying(workspace.ledger, workspace.pipeline.name, file.digest, this_process()):
                checked = check_file(workspace, file, layout)
        except (DataRefused, InputFailed, NotEnough) as error:
            short += [error] if isinstance(error, NotEnough) else []
            close_input(workspace.ledger, workspace.pipeline.name, file.digest, "refused", detail=str(error))
            if is_unchanged(file.as_input(), workspace.pipeline.score_source, workspace.folder):
                refused.append(
                    Refusal(
                        name=file.name, reason=_about(file, error), digest=file.digest, copies=file.copies,
                        checked=error.checked if isinstance(error, DataRefused) else "",
                    )
                )  # fmt: skip
            else:
                waiting.append(f"{file.name} (changed while being read)")
            continue
        open_input(
            workspace.ledger, workspace.pipeline.name, file.digest, checked.digest, workspace.pipeline.score.chunk_rows
        )
        failpoint("input_opened")
        ready.append(file.digest)
    taken = _take_up(workspace, ready, discovery.request)
    news, told = told_before(workspace, [*refused, *taken.refused])
    if short and not taken.inputs and news:
        raise short[0]
    return Prepared(
        inputs=tuple(taken.inputs), refused=news, waiting=tuple(waiting), set_aside=told,
        made_again=(*discovery.made_again, *taken.made_again),
        fails_once=workspace.pipeline.score.unusable == "set_aside",
    )  # fmt: skip


def _refused_last(workspace: Workspace, files: tuple[NewFile, ...]) -> list[NewFile]:
    """What an earlier run could not use is tried again when all else is ready."""
    rows = list_inputs(workspace.ledger, workspace.pipeline.name)
    refused = {row.input_digest for row in rows if row.state == "refused"}
    return sorted(files, key=lambda file: file.digest in refused)


def _about(file: NewFile, error: SeqclsError) -> str:
    """A lack of memory or space names the stage, not the file."""
    return f"{file.name}: {error}" if isinstance(error, NotEnough) else str(error)


class _TakenUp(NamedTuple):
    """Inputs whose rows are there, whole; those whose rows are gone; sentences about rows that were made again."""

    inputs: list[str]
    refused: list[Refusal]
    made_again: list[str]


def _take_up(workspace: Workspace, ready: list[str], request: ScoreRequest) -> _TakenUp:
    """Inputs of this run, then those that an earlier one left open."""
    rows = {
        row.input_digest: row
        for row in list_inputs(workspace.ledger, workspace.pipeline.name)
        if row.state == "open" and row.checked_digest
    }
    left = [digest for digest, row in rows.items() if request.covers(day_of_input(row))]
    taken, places = _TakenUp([], [], []), Places(workspace)
    for digest in dict.fromkeys([*ready, *left]):
        if digest in rows:  # else another run has scored it to its end meanwhile
            row = rows[digest]
            was_whole = workspace.store.find_whole("checked", row.checked_digest) is not None
            try:
                found = rows_of(workspace, row, places)
            except DataRefused as error:
                taken.refused.append(Refusal(name=row.name, reason=str(error), digest=digest))
                continue
            if found.digest != row.checked_digest:
                fix_rows(workspace.ledger, row, found.digest)
            if not was_whole:
                taken.made_again.append(f"the rows of {row.name} were damaged: made again")
        taken.inputs.append(digest)
    return taken


def told_before(workspace: Workspace, refused: list[Refusal]) -> tuple[tuple[Refusal, ...], tuple[Refusal, ...]]:
    """(those that fail the run, those that a run has failed for under every name that they have now).

    Whatever was set aside has been tried again: a fixed config or rule takes it up.
    """
    if workspace.pipeline.score.unusable == "fail":
        return tuple(refused), ()
    since = set_aside_since(workspace.ledger, workspace.pipeline.name)
    news, told = [], []
    for item in refused:
        times = [since.get((name, item.digest)) for name in item.names]
        known = [time for time in times if time is not None]
        if len(known) < len(times):
            news.append(item)
        else:
            told.append(item.model_copy(update={"since": f"{datetime.fromtimestamp(min(known), UTC):%Y-%m-%d}"}))
    return tuple(news), tuple(told)
