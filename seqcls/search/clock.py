"""The time that a search has spent, over all its processes, and when it must stop.

In: a folder, a budget in seconds. Out: `Clock`. Promise: what a killed process had spent is known to the next one to
within WRITE_SECONDS, so a search that is killed and goes on keeps its budget; time between processes does not count.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from seqcls.store.durable import replace_text

WRITE_SECONDS = 0.5


class TimeIsUp(Exception):
    """The deadline passed within a trial; it goes on from its checkpoint if there ever is time."""


class Clock:
    """`spent` grows while the process works; `check` is called a few times a second from within trials."""

    def __init__(self, path: Path, budget: float) -> None:
        self.path, self.budget, self.deadline = path, budget, budget
        self.earlier = _read(path)
        self.began = self.written = time.perf_counter()

    @property
    def spent(self) -> float:
        return self.earlier + time.perf_counter() - self.began

    @property
    def left(self) -> float:
        """Seconds to the deadline; 0 when it is past."""
        return max(self.deadline - self.spent, 0.0)

    def reserve(self, seconds: float) -> None:
        """Keep so much of the budget for the training of what is chosen."""
        self.deadline = max(self.budget - seconds, 0.0)

    def check(self) -> None:
        """Write the time down now and then; raise once the deadline is past."""
        if time.perf_counter() - self.written >= WRITE_SECONDS:
            self.write()
        if not self.left:
            raise TimeIsUp

    def write(self) -> None:
        """Replace the file; one that a crash of the machine cut short counts as no time spent."""
        self.written = time.perf_counter()
        replace_text(self.path, json.dumps({"seconds": self.spent}))


def _read(path: Path) -> float:
    try:
        return float(json.loads(path.read_bytes())["seconds"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0.0
