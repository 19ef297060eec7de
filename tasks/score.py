"""Tasks of scoring: discover -> validate -> score -> publish; and plan, which only says what they would do."""

from __future__ import annotations

from typing import Any

from prefect import task

from seqcls.messages import night_table
from seqcls.road import finish_scoring
from seqcls.scoring import nightly
from seqcls.scoring.plan import Plan, plan_scoring
from seqcls.scoring.publish import Published
from seqcls.scoring.request import ScoreRequest
from seqcls.workspace import open_workspace
from tasks.policy import HOUR, STAGE
from tasks.show import show_markdown, show_table


@task(**STAGE, timeout_seconds=HOUR)
def discover(config: str, request: ScoreRequest = nightly.EVERYTHING) -> nightly.Discovery:
    """Which files are new, by content; or which were scored before, to be scored again."""
    with open_workspace(config) as workspace:
        return nightly.discover(workspace, request)


@task(**STAGE, timeout_seconds=HOUR)
def plan(config: str, request: ScoreRequest) -> Plan:
    """What would be scored; nothing is written."""
    with open_workspace(config) as workspace:
        planned = plan_scoring(workspace, request)
        show_table(
            workspace.pipeline.name, "plan", lambda: _rows_planned(planned), f"Would be scored by {planned.model}"
        )
        return planned


def _rows_planned(planned: Plan) -> list[dict[str, Any]]:
    rows = [{"file": file.name, "day": file.day, "rows": file.rows, "refused": file.reason} for file in planned.files]
    return rows or [{"file": "nothing"}]


@task(**STAGE, timeout_seconds=6 * HOUR)
def validate_new(config: str, discovery: nightly.Discovery) -> nightly.Prepared:
    """Ingest and validate each new file; of those of before, see that their rows are still there."""
    with open_workspace(config) as workspace:
        return nightly.prepare(workspace, discovery)


@task(**STAGE, timeout_seconds=12 * HOUR)
def score_new(config: str, prepared: nightly.Prepared, run_id: str) -> nightly.Night:
    """Score with the champion, or with the version asked for; each chunk is committed in the ledger."""
    with open_workspace(config) as workspace:
        night = nightly.score_prepared(workspace, prepared, run_id)
        show_table(
            workspace.pipeline.name,
            "scored-files",
            lambda: list(night.inputs) or [{"name": "nothing new"}],
            f"Rows by file, scored by {night.model}",
        )
        return night


@task(**STAGE, timeout_seconds=HOUR)
def publish_scores(config: str, prepared: nightly.Prepared, night: nightly.Night, run_id: str) -> Published:
    """Copy committed chunks to the output folder."""
    with open_workspace(config) as workspace:
        files = finish_scoring(workspace, prepared, night, run_id)
        show_markdown(
            workspace.pipeline.name,
            "night",
            lambda: night_table(prepared, night, files, workspace.output),
            "The night: rows, rejects, files",
        )
        return files
