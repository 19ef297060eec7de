"""How many processors this process may use: the minimum of affinity, a container's quota and the machine.

In: the kernel's files; OMP_NUM_THREADS. Out: whole numbers, at least 1. Promise: a file that is missing or not
understood sets no limit. A fraction counts as one processor: a quota of 1.5 gives two threads. `docker run --cpus` and
Kubernetes' `limits.cpu` are such quotas (kernel: Documentation/admin-guide/cgroup-v2.rst, "cpu.max";
Documentation/scheduler/sched-bwc.rst for version 1).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

PROC = Path("/proc/self")


def processors() -> int:
    """What the machine or the container allows; `wanted_threads` says how many threads to use."""
    given = affinity()
    limit = quota()
    return given if limit is None else max(min(given, math.ceil(limit)), 1)


def affinity() -> int:
    """Processors that the kernel may run this process on (taskset, cpusets)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def wanted_threads(environment: Mapping[str, str] = os.environ) -> int | None:
    """OMP_NUM_THREADS (the first number, if it has one per level); None if it is not set or not a number."""
    first = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isascii() and first.isdecimal() and int(first) > 0 else None


def most_threads(sharing: int = 1) -> int:
    """Threads of each of several processes that share the processors: its share, at most OMP_NUM_THREADS."""
    part = max(processors() // sharing, 1)
    wanted = wanted_threads()
    return part if wanted is None else min(part, wanted)


def quota(proc: Path = PROC) -> float | None:
    """The smallest quota, in processors, of the control group and its ancestors; None without one."""
    found = [limit for folder in _groups(proc) if (limit := _limit(folder)) is not None]
    return min(found, default=None)


def _groups(proc: Path) -> Iterator[Path]:
    """Folders of this process's control groups that may limit processors, each with its ancestors."""
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
    """From the group up to the mount point; only the mount point if the group is outside it."""
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
