"""Temporary files and folders that carry the name of the process that writes them.

Out: `.tmp-HOST~PID~START~RANDOM` (leading dot: readers of a folder pass over it). Promise: what a dead process left is
known at once and removed by the next run; what a living one writes is never touched; of an owner on another machine
nothing is known, so its files go only when nothing in them changed for a day.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from seqcls.errors import WorldFailed
from seqcls.store.owner import can_tell, is_gone, this_process

PREFIX = ".tmp-"
STALE_SECONDS = 24 * 3600


def temporary_name() -> str:
    """A name that no other process and no other call uses."""
    return f"{PREFIX}{this_process().replace(':', '~')}~{uuid.uuid4().hex[:12]}"


def is_left_over(path: Path, older_than_seconds: float = STALE_SECONDS) -> bool:
    """Whether nobody writes it any more."""
    owner = path.name.removeprefix(PREFIX).rpartition("~")[0].replace("~", ":")
    if can_tell(owner):
        return is_gone(owner)
    try:
        newest = max(item.stat().st_mtime for item in (path, *path.rglob("*")))
    except FileNotFoundError:  # it went, or grew, while we looked: somebody is at work
        return False
    return time.time() - newest > older_than_seconds


def remove_left_over(paths: Iterable[Path], older_than_seconds: float = STALE_SECONDS) -> int:
    """Remove those that nobody writes; returns how many."""
    removed = 0
    for path in paths:
        if is_left_over(path, older_than_seconds):
            _remove(path)
            removed += 1
    return removed


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=_unless_gone)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise WorldFailed(
            f"cannot clear what a killed run left ({error.strerror or error})",
            where=str(path),
            next_step="fix the permissions or the disk, then run the same command again",
        ) from error


def _unless_gone(_call: object, _path: str, problem: tuple[type[BaseException], BaseException, TracebackType]) -> None:
    """Two runs may clear up at once: what the other removed is removed."""
    if not isinstance(problem[1], FileNotFoundError):
        raise problem[1]
