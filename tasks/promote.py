"""Task: register the model, ask the gate, promote."""

from __future__ import annotations

from prefect import task

from seqcls.config import AnyConfig
from seqcls.ledger.stages import new_run_id
from seqcls.messages import decision_table, decision_title
from seqcls.road import TrainOutcome, finish_training
from seqcls.stages import StageResult
from seqcls.workspace import open_workspace
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_markdown


@task(**STAGE, timeout_seconds=HOUR)
def promote(config: AnyConfig, done: list[StageResult]) -> TrainOutcome:
    """Promote only if the gate agrees; the decision is shown with every number."""
    with open_workspace(config) as workspace:
        outcome = finish_training(workspace, done, new_run_id())
        show_markdown(
            workspace.pipeline.name, "decision", lambda: decision_table(outcome), lambda: decision_title(outcome)
        )  # fmt: skip
        return outcome
