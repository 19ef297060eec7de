"""Task: training files -> `table`."""

from __future__ import annotations

from prefect import task

from seqcls.artefacts import read_manifest
from seqcls.stages import StageResult, ingest_stage
from seqcls.workspace import open_workspace
from tasks.policy import HOUR, STAGE
from tasks.show import show_table


@task(**STAGE, timeout_seconds=6 * HOUR)
def ingest(config: str) -> StageResult:
    """Read every training file; each row becomes a table row or a reject."""
    with open_workspace(config) as workspace:
        result = ingest_stage(workspace)
        show_table(
            workspace.pipeline.name,
            "files",
            lambda: list(read_manifest(result.ref)["meta"]["files"]),
            f"Files read, rows accepted and rejected: {result.ref.path}",
        )
        return result
