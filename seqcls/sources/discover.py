"""Names, folders and globs of the config -> the files to read.

In: `SourceConfig` and the folder of the config file. Out: `InputFile`s in sorted order, each with the SHA-256 of its
bytes. Promise: nothing is silently missing: a pattern without a match is refused, with the nearest names that exist.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import replace
from pathlib import Path

from seqcls.artefacts import file_digest
from seqcls.config.source import SourceConfig
from seqcls.errors import STRIKES_ANY_FILE, DataRefused, InputFailed, WorldFailed, remedy
from seqcls.sources.entries import Refuse, check_name, is_hidden, raise_it, take, walk
from seqcls.table import InputFile, Split

EXPECTED_FILES = "at least one file (hidden ones and names ending in .tmp, .part and the like are left out)"
_WILD = frozenset("*?[")
NOTHING = hashlib.sha256().hexdigest()
"""Digest of a file without bytes, which is not opened: some that the kernel shows so wait for ever (/proc/kmsg)."""


def source_files(source: SourceConfig, folder: Path) -> list[InputFile]:
    """All files to train on; given splits carry theirs."""
    if source.format == "sql" or source.files:
        files = find_files(source, folder)
        if source.format != "folder":  # where each file is a row, and the rules judge rows
            _refuse_copies(files)
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


def _refuse_copies(files: list[InputFile]) -> None:
    """The same bytes under two names: each row would count twice, and nobody would see why."""
    first: dict[str, InputFile] = {}
    for file in files:
        other = first.setdefault(file.digest, file)
        if other is not file:
            raise DataRefused(
                f"the same bytes as {other.name}", where=file.name,
                expected="each file once, or its rows would count twice",
                next_step="remove one of the two, or name the files to read",
            )  # fmt: skip


def find_files(
    source: SourceConfig,
    folder: Path,
    patterns: list[str] | None = None,
    split: Split | None = None,
    *,
    allow_none: bool = False,
) -> list[InputFile]:
    """The files that the patterns name (left out: `source.files`), sorted by name; none at all only when allowed."""
    if source.format == "sql":
        from seqcls.sources.sql import find_query

        return [find_query(source)]
    paths = sorted(find_paths(folder, source.files if patterns is None else patterns, allow_none=allow_none))
    files = with_unique_names([_input_file(path, source, folder, split) for path in paths], folder)
    for file in files:
        check_name(file.name)
    return sorted(files, key=lambda file: file.name)


def find_paths(folder: Path, patterns: list[str], *, allow_none: bool = False, refuse: Refuse = raise_it) -> list[Path]:
    """Paths in the order of the patterns, those of one pattern sorted; each once. `refuse` is told what is no file."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        try:
            matches = _match(folder, pattern, refuse)
            if not matches and not allow_none:
                raise _nothing_found(folder, pattern)
        except OSError as error:
            raise WorldFailed(
                f"cannot look into the folder {error.filename} ({error.strerror})", where=f"source.files {pattern}",
                expected=EXPECTED_FILES, next_step="mend its permissions",
            ) from None  # fmt: skip
        found.update(dict.fromkeys(matches))
    return list(found)


def label_file_of(source: SourceConfig, folder: Path, path: Path) -> Path | None:
    """The file of classes parallel to a text file, by their order in the config; None for a file not listed there."""
    if not source.label_files:
        return None
    texts = find_paths(folder, source.files or [*source.train, *source.valid, *source.test])
    labels = find_paths(folder, source.label_files)
    if len(texts) != len(labels):
        raise DataRefused(
            f"{len(labels)} label files for {len(texts)} text files", where=", ".join(source.label_files),
            expected="one for each, in the same order", next_step="correct source.label_files",
        )  # fmt: skip
    return dict(zip(texts, labels, strict=True)).get(path)


def content_digest(source: SourceConfig, folder: Path, path: Path, digest: str) -> str:
    """The file's SHA-256; together with that of its label file, where it has one."""
    labels = label_file_of(source, folder, path)
    return digest if labels is None else hashlib.sha256(f"{digest} {file_digest(labels)}".encode()).hexdigest()


def _match(folder: Path, pattern: str, refuse: Refuse) -> list[Path]:
    base = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
    # A real name such as a[1].csv wins over its reading as a glob; a file that somebody named *.csv hides no other.
    if not set("*?") & set(pattern) and os.path.lexists(base):
        if base.is_dir():
            os.scandir(base).close()  # a folder that is asked for by its name is no entry among others
        return take(base, refuse)
    fixed = Path(*before_wildcard(base))
    if fixed == base or not fixed.is_dir():
        return []
    os.scandir(fixed).close()  # raises where glob would silently see nothing
    _see_folders_on_the_way(fixed, base.parent, refuse)
    found = sorted(fixed.glob(str(base.relative_to(fixed))))
    return [path for match in found if not is_hidden(match, fixed) for path in take(match, refuse)]


def _see_folders_on_the_way(fixed: Path, parent: Path, refuse: Refuse) -> None:
    """Those that a pattern looks into and that cannot be looked into: glob passes over them without a word."""
    if parent != fixed:
        for folder in sorted(fixed.glob(str(parent.relative_to(fixed)))):
            if folder.is_dir() and not is_hidden(folder, fixed):
                walk(folder, refuse, deep=False)


def before_wildcard(path: Path) -> list[str]:
    parts: list[str] = []
    for part in path.parts:
        if _WILD & set(part):
            break
        parts.append(part)
    return parts


def _input_file(path: Path, source: SourceConfig, folder: Path, split: Split | None) -> InputFile:
    file = digest_file(path, source, folder)
    if file is None:
        raise DataRefused(
            "changed while being read", where=str(path), expected="a file that nobody writes to",
            next_step="write under another name ending in .part, rename when it is whole, and run again",
        )  # fmt: skip
    return replace(file, split=split)


def digest_file(path: Path, source: SourceConfig, folder: Path) -> InputFile | None:
    """The file with its digest; None when it changed while it was read, by size, time or place."""
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
    """Not a byte is read of what is too large anyway, such as a link to /proc/kcore (128 TB)."""
    if size > most:
        raise DataRefused(
            f"more than {most} bytes", where=path.name, expected="at most source.max_file_bytes",
            next_step="split the file, or raise source.max_file_bytes if its size is right",
        )  # fmt: skip


def with_unique_names(files: list[InputFile], folder: Path) -> list[InputFile]:
    """Relative to the config's folder where inside; else as much of the path's end as tells the files apart."""
    names: dict[int, str] = {}
    outside: list[int] = []
    for index, file in enumerate(files):
        absolute = Path(os.path.abspath(file.path))
        if absolute.is_relative_to(folder.resolve()):
            names[index] = absolute.relative_to(folder.resolve()).as_posix()
        elif absolute.is_relative_to(os.path.abspath(folder)):
            names[index] = absolute.relative_to(os.path.abspath(folder)).as_posix()
        else:
            outside.append(index)
    depth = 1
    while outside:
        tails = ["/".join(Path(os.path.abspath(files[index].path)).parts[-depth:]).lstrip("/") for index in outside]
        taken = set(names.values())
        clash = [tail in taken or tails.count(tail) > 1 for tail in tails]
        names |= {index: tail for index, tail, clashes in zip(outside, tails, clash, strict=True) if not clashes}
        outside = [index for index, clashes in zip(outside, clash, strict=True) if clashes]
        depth += 1
    return [InputFile(file.path, names[index], file.digest, file.size, file.split) for index, file in enumerate(files)]


def _nothing_found(folder: Path, pattern: str) -> DataRefused:
    base = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
    parent = base.parent
    wanted = base.name
    while not parent.is_dir():
        parent, wanted = parent.parent, parent.name
    if base.is_dir():
        return DataRefused(
            "the folder holds no files", where=f"source.files {pattern}", expected=EXPECTED_FILES,
            next_step="put the files there, or name another folder",
        )  # fmt: skip
    there = sorted(path.name for path in parent.iterdir() if not path.name.startswith("."))
    near = difflib.get_close_matches(wanted, there, n=3, cutoff=0.4)
    gone = "" if parent == base.parent else f" (there is no folder {wanted}/)"
    shown = "the nearest names are " + ", ".join(near) if near else "there are " + (", ".join(there[:8]) or "no files")
    return DataRefused(
        f"no file matches {pattern!r}{gone}; in {parent.name or parent}/ {shown}", where=f"source.files {pattern}",
        expected=EXPECTED_FILES,
        next_step="correct the name; it is relative to the folder of the config file",
    )  # fmt: skip
