"""Folders and small files that power loss cannot undo: what is new is synced, and so is the folder that names it.

In: paths, bytes. Out: nothing. Promise: a file that is replaced holds all of the old bytes or all of the new ones,
whenever the process is killed or the machine stops (Pillai et al., OSDI 2014: a rename without a sync of the file may
survive as an empty file). What is made here is the user's alone, whatever the umask: it may hold health data, and is
written by commands, flows and workers alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from seqcls.store.temporary import temporary_name

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def make_folder(folder: Path) -> None:
    """A folder and those above it; each new one is synced into the one that holds it, or power loss may undo it."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(PRIVATE_FOLDER, exist_ok=True)
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """All files and folders below a folder, and itself."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            fsync_folder(path)
    fsync_folder(folder)


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """A file in a folder that is there: under a temporary name, synced, renamed, the folder synced."""
    temporary = path.with_name(temporary_name())
    try:
        with open(temporary, "wb", opener=_open_private) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


def replace_text(path: Path, text: str) -> None:
    """A small file of text, all of it or not at all."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, data: bytes) -> None:
    """What is in memory, all of it or not at all."""
    replace_file(path, lambda file: file.write(data))
