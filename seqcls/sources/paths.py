"""Names, folders and globs of the config -> the paths of the files.

In: patterns and the folder of the config file. Out: paths, sorted. Promise: nothing is skipped silently: a pattern
without a match is refused with the nearest names that exist.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from functools import lru_cache
from pathlib import Path

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused, WorldFailed
from seqcls.sources.entries import Refuse, is_hidden, raise_it, take, walk
from seqcls.store.artefacts import file_digest

EXPECTED_FILES = "at least one file (names that begin with . or _, or end in .tmp, .part and the like, are left out)"
_WILD = frozenset("*?[")


def find_paths(folder: Path, patterns: list[str], *, allow_none: bool = False, refuse: Refuse = raise_it) -> list[Path]:
    """Paths in the order of the patterns, sorted within one, each once; `refuse` is called for what is not a file."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        try:
            matches = _match(folder, pattern, refuse)
            if not matches and not allow_none:
                raise _nothing_found(folder, pattern)
        except OSError as error:
            raise WorldFailed(
                f"cannot read the folder {error.filename} ({error.strerror})", where=f"source.files {pattern}",
                expected=EXPECTED_FILES, next_step="fix its permissions",
            ) from None  # fmt: skip
        found.update(dict.fromkeys(matches))
    return list(found)


def without_notes(source: SourceConfig, paths: list[Path]) -> list[Path]:
    """arrow: `save_to_disk` writes notes as .json beside the data."""
    return [path for path in paths if source.format != "arrow" or path.suffix != ".json"]


def label_file_of(source: SourceConfig, folder: Path, path: Path) -> Path | None:
    """The label file of a text file, by their order in the config; None for a file not listed there."""
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


def channel_path(source: SourceConfig, path: Path, channel: str) -> Path | None:
    """The file of another channel: the path with another name for the first channel; None unless just one exists."""
    first, text = source.channel_files[0], str(path)
    places = [at for at in range(len(text)) if text.startswith(first, at)]
    found = {text[:at] + channel + text[at + len(first) :] for at in places} - {text}
    files = [Path(name) for name in found if os.path.isfile(name)]
    return files[0] if len(files) == 1 else None


def content_digest(source: SourceConfig, folder: Path, path: Path, digest: str) -> str:
    """The file's SHA-256, combined with what else its rows are made of."""
    for other in parts_beside(source, folder, path):
        digest = hashlib.sha256(f"{digest} {other}".encode()).hexdigest()
    return digest


def parts_beside(source: SourceConfig, folder: Path, path: Path) -> list[str]:
    """What the rows of a file are made of beside its bytes: digests of files with classes, values of folders."""
    labels = label_file_of(source, folder, path)
    found = [] if labels is None else [file_digest(labels)]
    others = [channel_path(source, path, channel) for channel in source.channel_files[1:]]
    found += ["missing" if other is None else file_digest(other) for other in others]
    if source.label_table:
        [table] = find_paths(folder, [source.label_table.file])
        facts = table.stat()
        found.append(_digest_once(table, facts.st_size, facts.st_mtime_ns, facts.st_ino))
    asked = (source.label, source.id, source.time, source.group, source.split)
    return found + [part for part in path.parent.parts if part.partition("=")[0] in asked and "=" in part]


@lru_cache(maxsize=8)
def _digest_once(path: Path, _size: int, _time: int, _inode: int) -> str:
    """Of a file that belongs to many others."""
    return file_digest(path)


def _match(folder: Path, pattern: str, refuse: Refuse) -> list[Path]:
    base = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
    # A file named a[1].csv is found by its name, not as a glob; a file named *.csv hides no other.
    if not set("*?") & set(pattern) and os.path.lexists(base):
        if base.is_dir():
            os.scandir(base).close()  # a folder that the config names must be readable
        return take(base, refuse)
    fixed = Path(*before_wildcard(base))
    if fixed == base or not fixed.is_dir():
        return []
    os.scandir(fixed).close()  # raises where glob would silently find nothing
    _see_folders_on_the_way(fixed, base.parent, refuse)
    found = sorted(fixed.glob(str(base.relative_to(fixed))))
    return [path for match in found if not is_hidden(match, fixed) for path in take(match, refuse)]


def _see_folders_on_the_way(fixed: Path, parent: Path, refuse: Refuse) -> None:
    """Folders of a pattern that cannot be read: glob skips them silently."""
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
