"""Find the files to read.

In: `SourceConfig` and the folder of the config file. Out: `InputFile`s in sorted order, each with the SHA-256 of its
bytes. Promise: each file once, in one split, under a unique name.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from seqcls.config.source import SourceConfig
from seqcls.errors import STRIKES_ANY_FILE, DataRefused, InputFailed, WorldFailed, remedy
from seqcls.sources.entries import check_name
from seqcls.sources.paths import content_digest, find_paths, without_notes
from seqcls.store.artefacts import file_digest
from seqcls.table import InputFile, Split

MOST_HEADER = 64 * 1024
NOTHING = hashlib.sha256().hexdigest()
"""Digest of an empty file, which is not opened: some kernel files look empty and block for ever (/proc/kmsg)."""


def source_files(source: SourceConfig, folder: Path) -> list[InputFile]:
    """All files to train on; files of given splits have their split set."""
    if source.format == "sql" or source.files:
        files = find_files(source, folder)
        if source.format not in ("folder", "recording"):  # there each file is a row, and the rules judge rows
            _refuse_copies(files, source)
        return files
    files = []
    given: list[tuple[Split, list[str]]] = [("train", source.train), ("valid", source.valid), ("test", source.test)]
    for split, patterns in given:
        if patterns:
            files += find_files(source, folder, patterns, split)
    first: dict[Path, InputFile] = {}
    for file in files:
        other = first.setdefault(file.path.resolve(), file)
        if other is not file:
            raise DataRefused(
                f"the file is named for {other.split} and for {file.split}", where=file.name,
                expected="each file in one split", next_step="name it once in [source]",
            )  # fmt: skip
    return with_unique_names(files, folder)


def _refuse_copies(files: list[InputFile], source: SourceConfig) -> None:
    """The same bytes under two names: each row would count twice without a visible reason."""
    first: dict[str, InputFile] = {}
    for file in files:
        other = first.setdefault(file.digest, file)
        if other is not file and not _is_header_only(file, source):
            raise DataRefused(
                f"the same bytes as {other.name}", where=file.name,
                expected="each file once, or its rows would count twice",
                next_step="remove one of the two, or name the files to read",
            )  # fmt: skip


def _is_header_only(file: InputFile, source: SourceConfig) -> bool:
    """A table without rows: several of them have equal bytes, and no row that would count twice."""
    if file.size > MOST_HEADER or source.format not in ("csv", "tsv", "wide", "long") or not source.header:
        return False
    return len([line for line in file.path.read_bytes().splitlines() if line.strip()]) <= 1


def find_files(
    source: SourceConfig,
    folder: Path,
    patterns: list[str] | None = None,
    split: Split | None = None,
    *,
    allow_none: bool = False,
) -> list[InputFile]:
    """The files that the patterns name (default: `source.files`), sorted by name; an empty list only if allowed."""
    if source.format == "sql":
        from seqcls.sources.sql import find_query

        return [find_query(source)]
    found = find_paths(folder, source.files if patterns is None else patterns, allow_none=allow_none)
    paths = sorted(without_notes(source, found))
    files = with_unique_names([_input_file(path, source, folder, split) for path in paths], folder)
    for file in files:
        check_name(file.name)
    return sorted(files, key=lambda file: file.name)


def _input_file(path: Path, source: SourceConfig, folder: Path, split: Split | None) -> InputFile:
    file = digest_file(path, source, folder)
    if file is None:
        raise DataRefused(
            "changed while being read", where=str(path), expected="a file that no program is writing",
            next_step="write under a name ending in .part, rename the file when it is complete, and run again",
        )  # fmt: skip
    return replace(file, split=split)


def digest_file(path: Path, source: SourceConfig, folder: Path) -> InputFile | None:
    """The file with its digest; None if its size, time or inode changed while it was read."""
    try:
        before = path.stat()
        _refuse_endless(path, before.st_size, source.max_file_bytes)
        digest = content_digest(source, folder, path, file_digest(path) if before.st_size else NOTHING)
        after = path.stat()
    except OSError as error:
        failure = WorldFailed if error.errno in STRIKES_ANY_FILE else InputFailed
        raise failure(
            f"cannot read the file ({error.strerror})", where=str(path), next_step=f"{remedy(error)}, then run again"
        ) from error
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
        return None
    return InputFile(path=path, name=path.name, digest=digest, size=after.st_size)


def _refuse_endless(path: Path, size: int, most: int) -> None:
    """Refuse before reading what is too large anyway, such as a link to /proc/kcore (128 TB)."""
    if size > most:
        raise DataRefused(
            f"more than {most} bytes", where=path.name, expected="at most source.max_file_bytes",
            next_step="split the file, or raise source.max_file_bytes if its size is right",
        )  # fmt: skip


def with_unique_names(files: list[InputFile], folder: Path) -> list[InputFile]:
    """Relative to the config's folder if inside; otherwise as much of the path's end as makes the names unique."""
    names: dict[int, str] = {}
    outside: list[int] = []
    inside = (str(folder.resolve()), os.path.abspath(folder))
    paths = [Path(os.path.abspath(file.path)) for file in files]
    for index, path in enumerate(paths):
        home = next((home for home in inside if path.is_relative_to(home)), None)
        if home is None:
            outside.append(index)
        else:
            names[index] = path.relative_to(home).as_posix()
    depth = 1
    while outside:
        tails = ["/".join(paths[index].parts[-depth:]).lstrip("/") for index in outside]
        taken, times = set(names.values()), Counter(tails)
        clash = [tail in taken or times[tail] > 1 for tail in tails]
        names |= {index: tail for index, tail, clashes in zip(outside, tails, clash, strict=True) if not clashes}
        outside = [index for index, clashes in zip(outside, clash, strict=True) if clashes]
        depth += 1
    return [InputFile(file.path, names[index], file.digest, file.size, file.split) for index, file in enumerate(files)]
