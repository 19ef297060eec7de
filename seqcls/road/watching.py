"""Around a run: if it fails, somebody is told; what was missed before is told by the next run.

In: a pipeline file, the name of the job. Promise: the error of the run is raised as it was, whatever becomes of the
message; after a run that succeeds, the next failure is told again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from seqcls.alerts.send import Message, send
from seqcls.alerts.tell import tell
from seqcls.config import load_pipeline
from seqcls.config.alert import About
from seqcls.errors import FilesRefused, SeqclsError, first_line
from seqcls.ledger.models import get_alias
from seqcls.ledger.told import forget_told, scored_between
from seqcls.listener import SILENT, Listener
from seqcls.registry.versions import CHAMPION
from seqcls.table import ScoreCounts
from seqcls.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from seqcls.registry.versions import Promotion
    from seqcls.scoring.scoring_run import ScoringRun


@contextmanager
def watching(config: Path | str, job: str, listener: Listener = SILENT) -> Iterator[None]:
    """Within the block a run works; what it raises is told and raised again."""
    with suppress(SeqclsError, OSError):  # the run itself will say it
        if load_pipeline(config).pipeline.alert.is_on:
            with open_workspace(config, listener) as workspace:
                check_night(workspace)
    try:
        yield
    except Exception as error:
        with suppress(SeqclsError, OSError):
            _tell_failure(config, job, error, listener)
        raise
    with suppress(SeqclsError, OSError):
        if load_pipeline(config).pipeline.alert.is_on:
            with open_workspace(config, listener) as workspace:
                forget_told(workspace.ledger, workspace.pipeline.name, f"failed:{job}:")


def _tell_failure(config: Path | str, job: str, error: Exception, listener: Listener) -> None:
    loaded = load_pipeline(config)
    about: About = "refused_files" if isinstance(error, FilesRefused) else "failed"
    if not loaded.pipeline.alert.is_on:
        return
    text = str(error) if isinstance(error, SeqclsError) else f"{type(error).__name__}: {first_line(error)}"
    step = "" if isinstance(error, SeqclsError) else "`seqcls --debug` shows where; see the log of the run"
    found = error.found if isinstance(error, SeqclsError) else text
    fault = f"{about}:{job}:{hashlib.sha256(found.encode()).hexdigest()[:32]}"
    title = f"{job}: files were refused" if about == "refused_files" else f"{job} failed"
    try:
        with open_workspace(config, listener) as workspace:
            tell(workspace, about, fault, title, text, step)
    except SeqclsError:  # the ledger is what failed: nobody can remember, so it is told each time
        if about in loaded.pipeline.alert.about:
            name = loaded.pipeline.name
            send(loaded.pipeline.alert, loaded.folder, Message(name, about, f"seqcls: {name}: {title}", text, step))


def check_night(workspace: Workspace, now: float | None = None) -> None:
    """Tell that no scoring run ended in the 24 hours before the last `night_by`."""
    config, name = workspace.pipeline.alert, workspace.pipeline.name
    if config.night_by is None or get_alias(workspace.ledger, name, CHAMPION).version is None:
        return
    here = datetime.fromtimestamp(time.time() if now is None else now, ZoneInfo(config.time_zone))
    hour, minute = map(int, config.night_by.split(":"))
    due = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = due if due <= here else due - timedelta(days=1)
    if scored_between(workspace.ledger, name, (due - timedelta(days=1)).timestamp(), due.timestamp()):
        return
    tell(
        workspace, "no_night", f"no_night:{due:%Y-%m-%d}", f"no night by {due:%Y-%m-%d %H:%M}",
        f"no scoring run ended in the 24 hours before {due:%Y-%m-%d %H:%M} ({config.time_zone})",
        f"look whether the worker or the timer runs, then `seqcls score {workspace.loaded.path}`",
    )  # fmt: skip


def tell_decision(workspace: Workspace, promotion: Promotion) -> None:
    """After training: the gate refused, or a person is asked."""
    name, config = promotion.version.name, workspace.loaded.path
    if not promotion.promoted and promotion.decision.refusals:
        fault = f"gate:{promotion.version.version}:{promotion.decision.champion}"
        tell(workspace, "gate", fault, f"{name} was not promoted", "; ".join(promotion.decision.refusals),
             f"look at its report; `seqcls models {config}` lists the versions")  # fmt: skip


def tell_unlike(workspace: Workspace, run: ScoringRun) -> None:
    """After scoring: files whose rows are unlike those that the model was trained on, each once for a model."""
    for item in run.inputs:
        if item.unlike:
            tell(workspace, "unlike_training", f"unlike_training:{run.model}:{item.name}",
                 f"{item.name} is unlike the training rows", item.unlike,
                 "look at the file; if it is right, train again with such rows")  # fmt: skip


def tell_rejects(workspace: Workspace, rows: ScoreCounts, run_id: str) -> None:
    """After scoring: too large a share of the rows was rejected."""
    limit = workspace.pipeline.alert.reject_share
    if rows.rows_in and rows.rejected > limit * rows.rows_in:
        tell(workspace, "rejects", f"rejects:{run_id}", f"{rows.rejected} of {rows.rows_in} rows were rejected",
             f"{rows.rejected / rows.rows_in:.1%} of the rows; alert.reject_share is {limit:.1%}",
             f"see the reasons in {workspace.output}/rejects")  # fmt: skip
