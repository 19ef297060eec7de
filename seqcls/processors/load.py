"""Whether the machine was busy while something was timed: how long our threads waited for a processor.

In: Linux's count, for each thread of this process, of the time that it ran and the time that it was ready to run and
had no processor (/proc/self/task/*/schedstat). Out: a share. Promise: it says what hurt us, whoever took the
processors: other programs, another container, a quota that was used up. Two threads beside two busy programs on two
processors wait half of the time; on a quiet machine hardly at all. None where the kernel does not say.
"""

from __future__ import annotations

from pathlib import Path

BUSY = 0.1
"""Share of the time. Below it lies what our own threads do to each other; one busy program beside two threads on two
processors makes a third."""
TASKS = Path("/proc/self/task")
Clocks = dict[str, tuple[int, int]]
"""Thread -> nanoseconds that it ran, and that it waited."""


class Watch:
    """Begins when it is made."""

    def __init__(self, tasks: Path = TASKS) -> None:
        self.tasks, self.before = tasks, _clocks(tasks)

    def waited(self) -> float | None:
        """Of the time in which our threads wanted a processor, the share in which they had none."""
        return _share(_clocks(self.tasks), self.before)


def waited_so_far(tasks: Path = TASKS) -> float | None:
    """The same from the beginning of this process on."""
    return _share(_clocks(tasks), {})


def is_busy(waited: float | None) -> bool:
    return waited is not None and waited > BUSY


def busy_words(waited: float | None) -> str:
    """For the end of a line that says what was timed; empty where the machine was quiet, or says nothing."""
    return f"; the machine was busy: threads waited for a processor {waited:.0%} of the time" if is_busy(waited) else ""


def _clocks(tasks: Path) -> Clocks:
    found: Clocks = {}
    for path in tasks.glob("*/schedstat"):
        try:
            ran, waited, _ = map(int, path.read_text().split())
        except (OSError, ValueError):  # the thread ended just now
            continue
        found[path.parent.name] = ran, waited
    return found


def _share(after: Clocks, before: Clocks) -> float | None:
    """Threads that ended in between are left out: what they did is not told any more."""
    spent = [(ran - before.get(name, (0, 0))[0], waited - before.get(name, (0, 0))[1])
             for name, (ran, waited) in after.items()]  # fmt: skip
    wanted = sum(ran + waited for ran, waited in spent)
    return sum(waited for _, waited in spent) / wanted if wanted else None
