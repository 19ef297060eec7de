"""The time that a search has spent, over all its processes, and when it must stop.

In: a folder, a budget in seconds. Out: `Clock`. Promise: the next process knows the time that a killed one spent, to
within WRITE_SECONDS, so a search that is killed and resumed keeps its budget; time between processes does not count.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from seqcls.store.durable import replace_text

WRITE_SECONDS = 0.5


class TimeIsUp(Exception):
    """The deadline passed within a trial; it resumes from its checkpoint if there is time later."""


class Clock:
    """`spent` grows while the process works; trials call `check` a few times per second."""

    def __init__(self, path: Path, budget: float) -> None:
        self.path, self.budget, self.deadline = path, budget, budget
        self.earlier = _read(path)
        self.began = self.written = time.perf_counter()

    @property
    def spent(self) -> float:
        return self.earlier + time.perf_counter() - self.began

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 after it."""
        return max(self.deadline - self.spent, 0.0)

    def reserve(self, seconds: float) -> None:
        """Reserve this part of the budget for training the chosen model."""
        self.deadline = max(self.budget - seconds, 0.0)

    def check(self) -> None:
        """Save the time now and then; raise after the deadline."""
        if time.perf_counter() - self.written >= WRITE_SECONDS:
            self.write()
        if not self.left:
            raise TimeIsUp

    def write(self) -> None:
        """Replace the file; a file that a machine crash has truncated counts as no time spent."""
        self.written = time.perf_counter()
        replace_text(self.path, json.dumps({"seconds": self.spent}))


def _read(path: Path) -> float:
    try:
        return float(json.loads(path.read_bytes())["seconds"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0.0
