"""How fast a training is, and when its progress is reported or a checkpoint written."""

from __future__ import annotations

import time
from collections.abc import Callable

TICK_SECONDS = 0.25


class Throughput:
    """Training rows, and the seconds that they took in this process; validation and checkpoints are not counted."""

    def __init__(self) -> None:
        self.rows, self._seconds, self._began = 0, 0.0, 0.0

    def start(self) -> None:
        self._began = time.perf_counter()

    def stop(self) -> None:
        self._seconds, self._began = self.seconds, 0.0

    @property
    def seconds(self) -> float:
        return self._seconds + (time.perf_counter() - self._began if self._began else 0.0)

    @property
    def rows_per_second(self) -> float:
        return self.rows / max(self.seconds, 1e-9)


class Pace:
    """When progress is told (a few times a second), and when a checkpoint is written."""

    def __init__(self, checkpoint_seconds: float, agree: Callable[[bool], bool]) -> None:
        """`agree` turns a wish of this process into the answer of all."""
        self.checkpoint_seconds, self.agree = checkpoint_seconds, agree
        self.told = self.saved = time.perf_counter()

    def is_due(self) -> bool:
        """Whether to tell, or to write."""
        now = time.perf_counter()
        return self.agree(now - self.told >= TICK_SECONDS or now - self.saved >= self.checkpoint_seconds)

    def is_checkpoint_due(self) -> bool:
        return self.agree(time.perf_counter() - self.saved >= self.checkpoint_seconds)

    def progress_told(self) -> None:
        self.told = time.perf_counter()

    def checkpoint_written(self) -> None:
        self.saved = time.perf_counter()
