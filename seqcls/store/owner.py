"""Who holds a lease: HOST:PID:START, where START tells a process from a later one with the same number."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{_start_time(os.getpid())}"


def is_gone(owner: str) -> bool:
    """True only when the owner ran on this machine and surely runs no more; unknown owners count as alive."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    start = owner.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdigit() or not Path("/proc/self/stat").exists():
        return False
    found = _start_time(int(rest))
    return found == "" or found != start


def can_tell(owner: str) -> bool:
    """Whether `is_gone` is sure of its answer: the owner is of this machine, and the machine shows its processes."""
    return owner.rsplit(":", 2)[0] == socket.gethostname() and Path("/proc/self/stat").exists()


def _start_time(pid: int) -> str:
    """Clock ticks from boot to the start of a process; '' when there is none (or it is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
