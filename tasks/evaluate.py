"""Task: `model` on the test split -> `evaluation`."""

from __future__ import annotations

from prefect import get_run_logger, task

from seqcls.config import AnyConfig
from seqcls.stages import EVALUATE, StageResult, run
from seqcls.store.artefacts import Ref, read_meta
from seqcls.store.records import EvaluationMeta
from seqcls.workspace import open_workspace
from seqcls_tasks.listener import RunLog
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_markdown


@task(**STAGE, timeout_seconds=6 * HOUR)
def evaluate(config: AnyConfig, made: dict[str, Ref]) -> StageResult:
    """Evaluate on the test split, once; metrics and the model card go to the UI, the report to the artefact."""
    from seqcls.evaluation.report import card_with_figures

    with open_workspace(config, RunLog()) as workspace:
        result = run(workspace, EVALUATE, made)
        show_markdown(
            workspace.pipeline.name,
            "model-card",
            lambda: card_with_figures(result.ref),
            lambda: f"Model card: {_figures(result.ref)}; {result.outcome}",
        )
        get_run_logger().info(f"report: {result.ref.folder / 'report.html'}")
        return result


def _figures(evaluation: Ref) -> str:
    meta = read_meta(evaluation, EvaluationMeta)
    return f"balanced accuracy {meta.balanced_accuracy:.3f} on {meta.rows} test rows"
