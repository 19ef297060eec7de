"""A small disk of its own (tmpfs) that can be filled, robbed of its inodes or made read-only; gone at the end.

Without the right to mount there is none, and the test that wants it is skipped with the reason.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOMY = "size=64m"


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Mounted at a new folder `place`; whoever still has files open there does not keep it."""
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", ROOMY, "none", str(place)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(disk: Path, options: str) -> None:
    """Change its size, its inodes or whether it may be written."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def used_kib(disk: Path) -> int:
    """What is written on it."""
    facts = os.statvfs(disk)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize // 1024
