"""Task: `encoded` -> `model`. A retry goes on from the last checkpoint, to the same weights bit for bit."""

from __future__ import annotations

import math
import time
from typing import Any
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from seqcls.display import only_shown
from seqcls.messages import escape
from seqcls.stages import StageResult, train_stage
from seqcls.store.artefacts import Ref, read_manifest
from seqcls.workspace import open_workspace
from tasks.policy import HOUR, STAGE
from tasks.show import artifact_key, show_markdown, tell

SECONDS_BETWEEN_LINES = 30.0  # of the log; an epoch takes from a tenth of a second to an hour


class EpochBar:
    """A progress artifact that moves at the end of each epoch; a line in the log every half a minute."""

    def __init__(self, pipeline: str) -> None:
        self.pipeline, self.artifact, self.epoch = pipeline, None, 0
        self.told = time.monotonic()
        self.stands = False

    artifact: UUID | None
    stands: bool
    """Whether the server did not take it: asking again at each epoch would hold up the training."""

    def __call__(self, progress: Any) -> None:
        self._tell(progress)
        if self.stands or progress.trial:
            return
        if progress.epoch == self.epoch and progress.rows_done < progress.rows_total:
            return
        with only_shown("the bar of epochs", self._stand):
            self._move(progress)

    def _stand(self, line: str) -> None:
        self.stands = True
        get_run_logger().warning(line)

    def _move(self, progress: Any) -> None:
        share = 100.0 * progress.epoch / progress.epochs
        if self.artifact is None:
            self.artifact = create_progress_artifact(
                share, key=artifact_key(self.pipeline, "epochs"), description="Epochs, of the most allowed"
            )
        elif progress.epoch != self.epoch:
            update_progress_artifact(self.artifact, share)
        self.epoch = progress.epoch

    def _tell(self, progress: Any) -> None:
        if time.monotonic() - self.told < SECONDS_BETWEEN_LINES:
            return
        self.told = time.monotonic()
        trial = f"{progress.trial}: " if progress.trial else ""
        rows = f"{progress.rows_done} of {progress.rows_total} rows"
        where = f"epoch {progress.epoch} of at most {progress.epochs}, {rows}, loss {progress.train_loss:.4f}"
        if math.isnan(progress.train_loss):  # a family that is fitted in one go has no epochs
            where = f"being fitted, {rows}"
        get_run_logger().info(f"{trial}{where}, {progress.rows_per_second:.0f} rows/s")


@task(**STAGE, timeout_seconds=24 * HOUR)
def train(config: str, encoded: Ref) -> StageResult:
    """Train one network; with `family = "auto"`, after a search, whose trials are lines of the log."""
    with open_workspace(config) as workspace:
        name, notes = workspace.pipeline.name, list[str]()

        def note(line: str) -> None:
            get_run_logger().info(line)
            notes.append(line)

        result = train_stage(workspace, encoded, EpochBar(name), note)
        said = tell(result)
        show_markdown(name, "training", lambda: _page(result, notes), lambda: _title(result, notes, said))
        return result


def _network(model: Ref) -> str:
    meta = read_manifest(model)["meta"]
    epochs = f"best epoch {meta['best_epoch']} of {meta['epochs']}"
    return f"{meta['family']}, {meta['parameters']:,} parameters, {epochs}"


def _page(result: StageResult, notes: list[str]) -> str:
    """What was trained and how; a model that was there already says so."""
    lines = [f"# {_network(result.ref)}", "", *(f"- {escape(line)}" for line in notes)]
    if result.reused:
        lines.append("Nothing was trained: data, settings and code are those of an earlier run, and so is the model.")
    return "\n".join(lines)


def _title(result: StageResult, notes: list[str], said: str) -> str:
    resumed = "".join(f"{line}; " for line in notes if line.startswith("goes on from"))
    return f"{_network(result.ref)}; {resumed}{said}"
