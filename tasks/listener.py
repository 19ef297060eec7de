"""Progress of a run: lines in Prefect's log, and a bar of epochs in the UI."""

from __future__ import annotations

import time
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from seqcls.listener import Listener, Progress, only_shown
from seqcls_tasks.show import artifact_key

SECONDS_BETWEEN_LINES = 30.0  # of the log; an epoch takes from a tenth of a second to an hour


class RunLog(Listener):
    """Writes stages and notes as log lines."""

    def stage(self, name: str, outcome: str) -> None:
        get_run_logger().info(f"{name}: {outcome}")

    def note(self, line: str) -> None:
        get_run_logger().info(line)


class TrainingLog(RunLog):
    """Also keeps the notes, writes the progress into the log now and then, and moves a bar after each epoch."""

    def __init__(self, pipeline: str) -> None:
        self.notes: list[str] = []
        self._key = artifact_key(pipeline, "epochs")
        self._bar: UUID | None = None
        self._epochs = 0
        self._logged = time.monotonic()
        self._stopped = False
        """Whether the server refused the bar: a retry at each epoch would delay the training."""

    def note(self, line: str) -> None:
        super().note(line)
        self.notes.append(line)

    def progress(self, at: Progress) -> None:
        if time.monotonic() - self._logged >= SECONDS_BETWEEN_LINES:
            self._logged = time.monotonic()
            get_run_logger().info(f"{at.line} ({at.done / at.total:.0%})")
        if not self._stopped and not at.trial and (self._bar is None or int(at.done) > self._epochs):
            with only_shown("the bar of epochs", self._stop):
                self._move(100.0 * int(at.done) / at.total)
            self._epochs = int(at.done)

    def _move(self, percent: float) -> None:
        if self._bar is None:
            self._bar = create_progress_artifact(percent, key=self._key, description="Epochs, of the most allowed")
        else:
            update_progress_artifact(self._bar, percent)

    def _stop(self, line: str) -> None:
        self._stopped = True
        get_run_logger().warning(line)
