"""How many processors this process may use: the fewest of affinity, a container's quota and the machine itself.

In: the kernel's files; OMP_NUM_THREADS. Out: whole numbers, at least 1. Promise: a file that is missing or is not
understood limits nothing. A part of a processor counts as one: with a quota of one and a half, two threads get all of
it. `docker run --cpus` and Kubernetes' `limits.cpu` are such quotas (kernel: Documentation/admin-guide/cgroup-v2.rst,
"cpu.max"; Documentation/scheduler/sched-bwc.rst for version 1).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

PROC = Path("/proc/self")


def processors() -> int:
    """What the machine or the container gives; how many threads are wanted is `wanted_threads`."""
    given = affinity()
    limit = quota()
    return given if limit is None else max(min(given, math.ceil(limit)), 1)


def affinity() -> int:
    """Processors that the kernel may run this process on (taskset, cpusets)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def wanted_threads(environment: Mapping[str, str] = os.environ) -> int | None:
    """OMP_NUM_THREADS, the first number where it has one for each level; None where it says nothing that is one."""
    first = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isascii() and first.isdecimal() and int(first) > 0 else None


def most_threads(sharing: int = 1) -> int:
    """Threads of one of so many processes that share what is given: its part, and no more than OMP_NUM_THREADS."""
    part = max(processors() // sharing, 1)
    wanted = wanted_threads()
    return part if wanted is None else min(part, wanted)


def quota(proc: Path = PROC) -> float | None:
    """The smallest quota, in processors, of the control group and of those above it; None without one."""
    found = [limit for folder in _groups(proc) if (limit := _limit(folder)) is not None]
    return min(found, default=None)


def _groups(proc: Path) -> Iterator[Path]:
    """Folders of this process's control groups that may limit processors, each with those above it."""
    try:
        mounts = (proc / "mountinfo").read_text(errors="surrogateescape").splitlines()
        lines = (proc / "cgroup").read_text(errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            path = paths.get("")
        elif kind == "cgroup" and "cpu" in options.split(","):
            path = next((path for names, path in paths.items() if "cpu" in names.split(",")), None)
        else:
            continue
        if path is not None:
            yield from _with_those_above(Path(point), os.path.relpath(path, root))


def _with_those_above(point: Path, relative: str) -> Iterator[Path]:
    """From the group itself up to where the tree is mounted; only that where the group lies outside what is mounted."""
    inside = Path() if relative.startswith("..") else Path(relative)
    yield from (point / part for part in (inside, *inside.parents))


def _limit(folder: Path) -> float | None:
    """`cpu.max` ("150000 100000", or "max 100000"), or version 1's two files (-1: no limit)."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        limit = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max"
        return None
    return limit if limit > 0 else None
