"""Task: `model` on the test split -> `evaluation`."""

from __future__ import annotations

from prefect import task

from seqcls.artefacts import Ref
from seqcls.stages import StageResult, evaluate_stage
from seqcls.workspace import open_workspace
from tasks.policy import HOUR, STAGE
from tasks.show import show_markdown


@task(**STAGE, timeout_seconds=6 * HOUR)
def evaluate(config: str, model: Ref, checked: Ref) -> StageResult:
    """Open the test split, once; figures and the model card go to the UI, the report to the artefact."""
    from seqcls.evaluation.report import card_with_figures

    with open_workspace(config) as workspace:
        result = evaluate_stage(workspace, model, checked)
        show_markdown(
            workspace.pipeline.name,
            "model-card",
            lambda: card_with_figures(result.ref),
            f"Model card; full report: {result.ref.path}/report.html",
        )
        return result
