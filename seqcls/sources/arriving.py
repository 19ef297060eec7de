"""New files that others may still be writing. In: paths and patterns. Out: the settled files, and the others.

Promise: a file is taken only if its size, time and inode did not change between the first byte read and the last;
one that changes meanwhile is named and left for the next run, and never stops the others.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from seqcls.config.source import SourceConfig
from seqcls.errors import STRIKES_ANY_FILE, DataRefused, InputFailed, WorldFailed, remedy
from seqcls.sources.discover import digest_file, with_unique_names
from seqcls.sources.entries import UNFINISHED, Refuse, check_name
from seqcls.sources.paths import before_wildcard
from seqcls.table import InputFile


def read_settled(
    source: SourceConfig, folder: Path, paths: list[Path], is_settled: Callable[[Path], bool], refuse: Refuse
) -> tuple[list[InputFile], list[str]]:
    """Files with their digests, sorted by name; names of those that are not settled, or changed while being read.

    `refuse` is called for each file that cannot be read.
    """
    named = with_unique_names([InputFile(path, path.name, "", 0) for path in paths], folder)
    files: list[InputFile] = []
    moving: list[str] = []
    for item in sorted(named, key=lambda file: file.name):
        try:
            check_name(item.name)
            found = _digest_of_settled(item.path, source, folder, is_settled)
        except (DataRefused, InputFailed) as error:
            refuse(item.path, error)
            continue
        if found is None:
            moving.append(item.name)
        else:
            files.append(replace(found, name=item.name))
    return files, moving


def is_unchanged(file: InputFile, source: SourceConfig, folder: Path) -> bool:
    """Whether a file is the same as when it was found; separates a file that is being written from a bad one."""
    if source.format == "sql":
        return True
    try:
        found = _digest_of_settled(file.path, source, folder, Path.is_file)
    except InputFailed:
        return True  # it is still there, and cannot be read
    return found is not None and found.digest == file.digest


def _digest_of_settled(
    path: Path, source: SourceConfig, folder: Path, is_settled: Callable[[Path], bool]
) -> InputFile | None:
    try:
        return digest_file(path, source, folder) if is_settled(path) else None
    except (WorldFailed, FileNotFoundError):
        if os.path.lexists(path):
            raise
        return None  # moved away in the meantime
    except OSError as error:
        if error.errno in STRIKES_ANY_FILE:
            raise
        raise InputFailed(
            f"cannot be accessed ({error.strerror})", where=str(path), next_step=f"{remedy(error)}, then run again"
        ) from error


def find_unfinished(folder: Path, patterns: list[str]) -> list[Path]:
    """Files that are skipped because their name says that they are being written, and that will match once renamed:
    night.csv.part, .night.csv, .night.csv.x7Ab3f (as rsync names them)."""
    found: set[Path] = set()
    for pattern in patterns:
        base = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
        wanted = "*" if base.is_dir() else base.name
        for path in _beside(base):
            names = _final_names(path.name, wanted)
            if os.path.isfile(path) and any(fnmatch.fnmatchcase(name, wanted) for name in names):
                found.add(path)
    return sorted(found)


def _beside(base: Path) -> Iterator[Path]:
    """Everything in the folders that a pattern looks into."""
    if base.is_dir():
        yield from base.rglob("*")
        return
    fixed = Path(*before_wildcard(base.parent))
    for folder in [fixed] if fixed == base.parent else sorted(fixed.glob(str(base.parent.relative_to(fixed)))):
        if os.path.isdir(folder):
            with suppress(PermissionError):  # find_paths reports it
                yield from folder.iterdir()


def _final_names(name: str, wanted: str) -> list[str]:
    """The names that an unfinished file may get; hidden files only where a pattern says what to expect."""
    visible = name.removeprefix(".")
    names = [visible.removesuffix(end) for end in UNFINISHED if visible.endswith(end)]
    return [*names, visible, visible.rpartition(".")[0]] if name.startswith(".") and wanted != "*" else names
