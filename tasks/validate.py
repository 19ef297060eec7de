"""Task: `table` -> `checked`."""

from __future__ import annotations

from prefect import task

from seqcls.config import AnyConfig
from seqcls.errors import DataRefused
from seqcls.stages import VALIDATE, StageResult, run
from seqcls.store.artefacts import Ref
from seqcls.validation.checks import read_checks
from seqcls.workspace import open_workspace
from seqcls_tasks.listener import RunLog
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import checks_of, show_markdown


@task(**STAGE, timeout_seconds=6 * HOUR)
def validate(config: AnyConfig, made: dict[str, Ref]) -> StageResult:
    """Run the rules and Great Expectations; rows that break a rule are rejected with their reasons."""
    with open_workspace(config, RunLog()) as workspace:
        name = workspace.pipeline.name
        try:
            result = run(workspace, VALIDATE, made)
        except DataRefused as error:
            if error.checked:  # a failed run is when the checks matter
                folder, stopped = error.checked, error.found
                show_markdown(name, "checks", lambda: checks_of(folder), lambda: f"Stopped: {stopped}")
            raise
        show_markdown(
            name, "checks", lambda: checks_of(result.ref.path), lambda: f"{_books(result.ref)}; {result.outcome}"
        )
        return result


def _books(checked: Ref) -> str:
    report = read_checks(checked)
    return f"{report.accepted} of {report.rows_in} rows accepted, {report.rejected} set aside"
