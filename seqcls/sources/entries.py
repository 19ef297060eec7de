"""Entries of folders -> regular files with a name that can be stored.

In: paths. Out: those of regular files (links are followed); `refuse` is called with every other entry and what it is: a
link that is broken or a loop, a device, a pipe, a socket, an unreadable folder, a name that is not UTF-8. Promise: no
entry stops the others, unless `refuse` raises; hidden and unfinished files are skipped.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from seqcls.errors import STRIKES_ANY_FILE, DataRefused, SeqclsError, remedy

NO_DATA = (".", "_")
"""Names that begin so are hidden, or notes of the program that wrote the data, such as `_SUCCESS`."""
OF_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
"""What Windows leaves in folders that were looked at."""
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
CHECKSUM = ".sha256"  # a checksum of another file: never data (checksums.py)

Refuse = Callable[[Path, SeqclsError], None]
"""Called with an entry that cannot be used, and why."""


def raise_it(_path: Path, error: SeqclsError) -> NoReturn:
    """The first training file that cannot be used ends the run."""
    raise error


def is_hidden(path: Path, base: Path) -> bool:
    """By its name, or that of a folder in between."""
    parts = path.relative_to(base).parts
    if path.name.lower() in OF_SYSTEM or path.name.endswith((*UNFINISHED, CHECKSUM)):
        return True
    return any(part.startswith(NO_DATA) for part in parts)


def take(path: Path, refuse: Refuse) -> list[Path]:
    """A file itself; for a folder, all files below it."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return walk(path, refuse)
    except OSError as error:
        if error.errno in STRIKES_ANY_FILE:
            raise
        refuse(path, _unseen(path, error))
        return []
    if not stat.S_ISREG(mode):
        refuse(path, _no_file(path, mode))
        return []
    return [path]


def walk(top: Path, refuse: Refuse, *, deep: bool = True) -> list[Path]:
    """All files below a folder, sorted; links to folders are not followed, so a loop cannot run for ever.

    Without `deep` no file is taken: the folder is only opened, and refused if that fails.
    """
    found: list[Path] = []
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno in STRIKES_ANY_FILE:
                raise
            refuse(folder, _unseen(folder, error))
            continue
        for entry in inside if deep else []:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                folders += [] if entry.name.startswith(NO_DATA) else [path]
            elif not is_hidden(path, top) and not (entry.is_symlink() and os.path.isdir(path)):
                found += take(path, refuse)
    return sorted(found)


def _unseen(path: Path, error: OSError) -> DataRefused:
    step = "remove the broken link" if path.is_symlink() else remedy(error)
    return DataRefused(
        f"cannot be accessed ({error.strerror})", where=str(path), expected="a regular file", next_step=step
    )


def _no_file(path: Path, mode: int) -> DataRefused:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return DataRefused(
        f"not a regular file but {kinds.get(stat.S_IFMT(mode), 'something else')}", where=str(path),
        expected="a regular file, not a pipe, socket or device", next_step="remove it, or narrow the pattern",
    )  # fmt: skip


def check_name(name: str) -> None:
    """A name is stored in the ledger and beside each score, so it must be valid UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataRefused(
            "the name is not UTF-8", where=name, expected="a name that can be stored in the scores",
            next_step="rename the file",
        ) from None  # fmt: skip
