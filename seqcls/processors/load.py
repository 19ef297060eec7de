"""Whether the machine was busy while something was timed: how long our threads waited for a processor.

In: for each thread of this process, the time that it ran and the time that it was ready to run but had no processor
(/proc/self/task/*/schedstat). Out: a share. Promise: it covers every cause: other programs, another container, a
quota that was used up. Two threads beside two busy programs on two processors wait half of the time; on a quiet machine
hardly at all. None if the kernel does not report it.
"""

from __future__ import annotations

from pathlib import Path

BUSY = 0.1
"""Share of the time. Our own threads cause less than this; one busy program beside two threads on two processors causes
a third."""
TASKS = Path("/proc/self/task")
Clocks = dict[str, tuple[int, int]]
"""Thread -> nanoseconds that it ran, and nanoseconds that it waited."""


class Watch:
    """Starts counting when created."""

    def __init__(self, tasks: Path = TASKS) -> None:
        self.tasks, self.before = tasks, _clocks(tasks)

    def waited(self) -> float | None:
        """The share of the time that our threads were ready to run but had no processor."""
        return _share(_clocks(self.tasks), self.before)


def waited_so_far(tasks: Path = TASKS) -> float | None:
    """The same since the start of this process."""
    return _share(_clocks(tasks), {})


def is_busy(waited: float | None) -> bool:
    return waited is not None and waited > BUSY


def busy_words(waited: float | None) -> str:
    """To append to a line about a timing; empty if the machine was quiet, or does not report it."""
    return f"; the machine was busy: threads waited for a processor {waited:.0%} of the time" if is_busy(waited) else ""


def _clocks(tasks: Path) -> Clocks:
    found: Clocks = {}
    for path in tasks.glob("*/schedstat"):
        try:
            ran, waited, _ = map(int, path.read_text().split())
        except (OSError, ValueError):  # the thread has just ended
            continue
        found[path.parent.name] = ran, waited
    return found


def _share(after: Clocks, before: Clocks) -> float | None:
    """Threads that ended in between are left out: the kernel no longer reports them."""
    spent = [(ran - before.get(name, (0, 0))[0], waited - before.get(name, (0, 0))[1])
             for name, (ran, waited) in after.items()]  # fmt: skip
    wanted = sum(ran + waited for ran, waited in spent)
    return sum(waited for _, waited in spent) / wanted if wanted else None
