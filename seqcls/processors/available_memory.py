"""How much memory this process can still get: from the machine, its control group and its own limits.

In: nothing. Out: bytes. Promise: the smallest limit that the system reports; an unreported one is no limit.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def memory_left() -> int:
    """Bytes."""
    return max(0, min([sys.maxsize, *_of_the_machine(), *_of_the_group(), *_of_the_process()]))


def _field(text: str, name: str) -> Iterator[int]:
    """A line such as `MemAvailable:   123 kB`."""
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found:
        yield int(found[1]) * 1024


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # another system, or a container that does not show it
        return ""


def _of_the_machine() -> Iterator[int]:
    yield from _field(_read(Path("/proc/meminfo")), "MemAvailable")


def _of_the_group() -> Iterator[int]:
    """A container is a group with a limit; groups above it count too."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, place = line.split(":", 2)
        version_2 = controllers == ""
        if not version_2 and "memory" not in controllers.split(","):
            continue
        top = CGROUPS if version_2 else CGROUPS / "memory"
        names = ("memory.max", "memory.current") if version_2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
        folder = top / place.lstrip("/")
        for group in (folder, *folder.parents):
            limit, used = (_read(group / name).strip() for name in names)
            if limit.isdigit() and used.isdigit():
                yield int(limit) - int(used)
            if group == top:
                break


def _of_the_process() -> Iterator[int]:
    status = _read(Path("/proc/self/status"))
    for limit, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(limit)[0]
        for used in _field(status, name) if most != resource.RLIM_INFINITY else ():
            yield most - used
