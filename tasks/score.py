"""Tasks of scoring: discover -> validate -> score -> publish; and plan, which only lists what they would do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import task

from seqcls.messages import plural, scoring_page, scoring_title
from seqcls.pages import escape
from seqcls.road import finish_scoring
from seqcls.scoring import scoring_run
from seqcls.scoring.plan import Plan, plan_scoring
from seqcls.scoring.publish import Published
from seqcls.scoring.request import ScoreRequest
from seqcls.workspace import open_workspace
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import checks_of, show_markdown, show_table

MOST_SHOWN = 10
"""Pages of checks of refused files in one artifact."""


@task(**STAGE, timeout_seconds=HOUR)
def discover(config: str, request: ScoreRequest = scoring_run.EVERYTHING) -> scoring_run.Discovery:
    """Find the files that are new, by content, or those to score again."""
    with open_workspace(config) as workspace:
        return scoring_run.discover(workspace, request)


@task(**STAGE, timeout_seconds=HOUR)
def plan(config: str, request: ScoreRequest) -> Plan:
    """What would be scored; nothing is written."""
    with open_workspace(config) as workspace:
        planned = plan_scoring(workspace, request)
        show_table(workspace.pipeline.name, "plan", lambda: _rows_planned(planned), lambda: _planned(planned))
        return planned


@task(**STAGE, timeout_seconds=6 * HOUR)
def validate_new(config: str, discovery: scoring_run.Discovery) -> scoring_run.Prepared:
    """Ingest and validate each new file; check that the rows of earlier files are still there."""
    with open_workspace(config) as workspace:
        prepared = scoring_run.prepare(workspace, discovery)
        _show_stopped(workspace.pipeline.name, prepared)
        return prepared


@task(**STAGE, timeout_seconds=12 * HOUR)
def score_new(config: str, prepared: scoring_run.Prepared, run_id: str) -> scoring_run.ScoringRun:
    """Score with the champion, or with the requested version; each chunk is committed in the ledger."""
    with open_workspace(config) as workspace:
        run = scoring_run.score_prepared(workspace, prepared, run_id)
        show_table(
            workspace.pipeline.name, "scored-files", lambda: _rows_scored(run), lambda: scoring_title(prepared, run)
        )  # fmt: skip
        return run


@task(**STAGE, timeout_seconds=HOUR)
def publish_scores(config: str, prepared: scoring_run.Prepared, run: scoring_run.ScoringRun, run_id: str) -> Published:
    """Copy committed chunks to the output folder."""
    with open_workspace(config) as workspace:
        files = finish_scoring(workspace, prepared, run, run_id)
        show_markdown(
            workspace.pipeline.name,
            "scoring-run",
            lambda: scoring_page(prepared, run, files, workspace.output),
            lambda: scoring_title(prepared, run),
        )
        return files


def _rows_planned(planned: Plan) -> list[dict[str, Any]]:
    rows = [{"file": file.name, "day": file.day, "rows": file.rows, "refused": file.reason} for file in planned.files]
    return rows or [{"file": "nothing"}]


def _planned(planned: Plan) -> str:
    return f"{plural(len(planned.files), 'file')} would be scored by {planned.model}"


def _show_stopped(pipeline: str, prepared: scoring_run.Prepared) -> None:
    """Show the checks of the files that were refused by a check."""
    stopped = [item for item in prepared.refused if item.checked]
    if not stopped:
        return
    what = f"{plural(len(stopped), 'file')} refused by the checks: {', '.join(item.name for item in stopped)}"

    def make() -> str:
        pages = [f"# {escape(', '.join(item.names))}\n\n{checks_of(item.checked)}" for item in stopped[:MOST_SHOWN]]
        return "\n\n".join(pages)

    show_markdown(pipeline, "refused-checks", make, lambda: what[:200])


def _rows_scored(run: scoring_run.ScoringRun) -> list[dict[str, Any]]:
    """The columns that people look for, one row per file."""
    rows = [
        {"file": item.name, **{name.replace("_", " "): count for name, count in asdict(item.counts).items()},
         "complete": "yes" if item.complete else "no"}
        for item in run.inputs
    ]  # fmt: skip
    return rows or [{"file": "nothing new"}]
