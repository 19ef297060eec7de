"""Task: `encoded` -> `model`. A retry resumes from the last checkpoint and gives the same weights bit for bit."""

from __future__ import annotations

from prefect import task

from seqcls.config import AnyConfig
from seqcls.pages import escape
from seqcls.stages import TRAIN, StageResult, run
from seqcls.store.artefacts import Ref, read_meta
from seqcls.store.records import ModelMeta
from seqcls.workspace import open_workspace
from seqcls_tasks.listener import TrainingLog
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_markdown


@task(**STAGE, timeout_seconds=24 * HOUR)
def train(config: AnyConfig, made: dict[str, Ref]) -> StageResult:
    """Train one network; with `family = "auto"`, after a search, whose trials are lines of the log."""
    with open_workspace(config) as workspace:
        name = workspace.pipeline.name
        log = TrainingLog(name)
        result = run(workspace.with_listener(log), TRAIN, made)
        show_markdown(name, "training", lambda: _page(result, log.notes), lambda: _title(result, log.notes))
        return result


def _network(model: Ref) -> str:
    meta = read_meta(model, ModelMeta)
    return f"{meta.family}, {meta.parameters:,} parameters, best epoch {meta.best_epoch} of {meta.epochs}"


def _page(result: StageResult, notes: list[str]) -> str:
    """What was trained and how, or that the model existed already."""
    lines = [f"# {_network(result.ref)}", "", *(f"- {escape(line)}" for line in notes)]
    if result.reused:
        lines.append("Nothing was trained: data, settings and code are those of an earlier run, whose model is reused.")
    return "\n".join(lines)


def _title(result: StageResult, notes: list[str]) -> str:
    resumed = "".join(f"{line}; " for line in notes if line.startswith("goes on from"))
    return f"{_network(result.ref)}; {resumed}{result.outcome}"
