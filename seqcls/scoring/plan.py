"""`--dry-run`: what a scoring run would do. In: a request. Out: `Plan`.

Promise: every rule is applied, so that what the run would refuse is refused here; nothing is written to the store,
nothing scored."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.errors import DataRefused, InputFailed, NotEnough, one_line
from seqcls.ledger.set_aside import set_aside_since
from seqcls.scoring.arrivals import NewFile, discover_new
from seqcls.scoring.request import ScoreRequest, check_request
from seqcls.scoring.rescore import find_history
from seqcls.scoring.score_folder import require_own_folder
from seqcls.sources.ingest import ingest
from seqcls.store.artefacts import ArtefactStore, read_manifest
from seqcls.store.memory import enough_memory
from seqcls.validation.validate import validate
from seqcls.workspace import Workspace


class PlannedFile(BaseModel):
    """A file that would be scored; `reason` says why it would be refused instead."""

    model_config = ConfigDict(frozen=True)

    name: str
    day: str
    rows: int
    rejected: int = 0
    """Of the rows, those that the rules would set aside."""
    reason: str = ""
    set_aside: bool = False
    """Whether an earlier run failed for it, so that this one would not."""


class Plan(BaseModel):
    """What would be scored, by which model, and what would be left alone."""

    model_config = ConfigDict(frozen=True)

    model: str
    rescore: bool
    files: tuple[PlannedFile, ...]
    known: int
    outside: int
    waiting: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def plan_scoring(workspace: Workspace, request: ScoreRequest) -> Plan:
    """Files by day, with their rows: of the books where they were scored before, else counted now."""
    require_own_folder(workspace)
    version = check_request(workspace, request)
    found = (
        find_history(workspace, request, version) if request.rescore else discover_new(workspace, request, note=False)
    )
    sets_aside = workspace.pipeline.score.unusable == "set_aside"
    told = set_aside_since(workspace.ledger, workspace.pipeline.name) if sets_aside else {}
    files = [_planned(workspace, file, all((name, file.digest) in told for name in file.names)) for file in found.new]
    files += [
        PlannedFile(name=item.name, day="", rows=0, reason=item.reason, set_aside=(item.name, item.digest) in told)
        for item in found.unusable
    ]
    return Plan(
        model=version.name, rescore=request.rescore, files=tuple(sorted(files, key=lambda file: (file.day, file.name))),
        known=len(found.known), outside=len(found.outside), waiting=found.waiting,
    )  # fmt: skip


def _planned(workspace: Workspace, file: NewFile, told: bool) -> PlannedFile:
    if not file.path:
        return PlannedFile(name=file.name, day=file.day, rows=file.rows)
    try:
        with enough_memory(file.name, "make the file smaller"):
            counts = _try(workspace, file)
        return PlannedFile(name=file.name, day=file.day, rows=counts["rows_in"], rejected=counts["rejected"])
    except (DataRefused, InputFailed, NotEnough) as error:
        return PlannedFile(name=file.name, day=file.day, rows=0, reason=str(error), set_aside=told)


def _try(workspace: Workspace, file: NewFile) -> dict[str, Any]:
    """Read and check a file in a folder that is gone afterwards; the books, or DataRefused as of the run."""
    pipeline = workspace.pipeline
    with tempfile.TemporaryDirectory(prefix="seqcls-dry-run-") as folder:
        store = ArtefactStore(Path(folder))
        try:
            table = ingest([file.as_input()], pipeline.score_source, pipeline.kind, store, labelled=False,
                           folder=workspace.folder)  # fmt: skip
            checked = validate(table, pipeline, store, labelled=False, budget=pipeline.score.reject_budget)
        except DataRefused as error:
            if folder in error.next_step:
                error.next_step = (
                    "the run itself keeps each rejected row with its reasons and says where; "
                    + (error.next_step.partition("; ")[2])
                )
            raise
        meta: dict[str, Any] = read_manifest(checked)["meta"]
        return meta


def plan_lines(plan: Plan, config: str) -> list[str]:
    """The plan for people."""
    usable = [file for file in plan.files if not file.reason]
    again = " again" if plan.rescore else ""
    lines = [f"would score{again}, with {plan.model}: {len(usable)} files, {plan.rows} rows"]
    lines += [
        f"  {file.day}  {file.rows:>10,} rows  {one_line(file.name)}"
        + (f" ({file.rejected} of them would be rejected)" if file.rejected else "")
        for file in usable
    ]
    lines += [f"would refuse: {file.reason}" for file in plan.files if file.reason and not file.set_aside]
    lines += [f"would leave set aside: {file.reason}" for file in plan.files if file.set_aside]
    lines += [f"would leave for the next run: {one_line(name)}" for name in plan.waiting]
    scored = f"scored by {plan.model} already" if plan.rescore else "scored before"
    lines.append(f"left alone: {plan.known} {scored}, {plan.outside} of other days")
    return [*lines, f"Next: the same command without --dry-run; `seqcls scores {config}` shows what there is"]
