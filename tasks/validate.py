"""Task: `table` -> `checked`."""

from __future__ import annotations

from prefect import task

from seqcls.artefacts import Ref
from seqcls.messages import checks_table
from seqcls.stages import StageResult, validate_stage
from seqcls.validation.checks import read_checks
from seqcls.workspace import open_workspace
from tasks.policy import HOUR, STAGE
from tasks.show import show_markdown


@task(**STAGE, timeout_seconds=6 * HOUR)
def validate(config: str, table: Ref) -> StageResult:
    """Run the rules and Great Expectations; rows that break a rule are set aside with their reasons."""
    with open_workspace(config) as workspace:
        result = validate_stage(workspace, table)
        show_markdown(
            workspace.pipeline.name,
            "checks",
            lambda: checks_table(read_checks(result.ref)),
            "Checks, and rows set aside by rule",
        )
        return result
