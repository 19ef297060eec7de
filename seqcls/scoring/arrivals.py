"""Which files are new: by content, of the days asked for, and no longer being written.

In: the score folders. Out: `Discovery`. Promise: every entry that a pattern names is in exactly one of new, known,
waiting, outside, unusable; a file in motion waits for the next run, what is no file that can be read is named, and
neither stops the others.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from seqcls.config.train import ScoreConfig
from seqcls.errors import ConfigRefused, DataRefused, SeqclsError, one_line
from seqcls.ledger.chunks import list_inputs, see_input
from seqcls.scoring.days import day_of
from seqcls.scoring.records import complete_records
from seqcls.scoring.request import ScoreRequest
from seqcls.sources.arriving import find_unfinished, read_settled
from seqcls.sources.discover import find_files
from seqcls.sources.paths import find_paths, without_notes
from seqcls.store.failpoints import failpoint
from seqcls.table import InputFile
from seqcls.workspace import Workspace

EVERYTHING = ScoreRequest()
CLOCKS_APART = 60.0
"""Seconds: what a disk's clock may be ahead of ours before a file that waits for it is refused."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewFile(_Record):
    """A file whose content was not scored before, or is to be scored again."""

    name: str
    path: str
    digest: str
    size: int
    day: str = ""
    rows: int = 0
    """Known when it was scored before."""
    copies: tuple[str, ...] = ()
    """Further names of the same content in this run."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.copies)

    def as_input(self) -> InputFile:
        """As the sources read it."""
        return InputFile(Path(self.path), self.name, self.digest, self.size)


class Damaged(_Record):
    """An input of which a chunk, or the rows that its chunks are cut from, cannot be made again now."""

    name: str
    digest: str
    reason: str


class Unusable(_Record):
    """An entry that is no file that can be read: it has no content, so `digest` stands for its name and the reason."""

    name: str
    digest: str
    reason: str


class Discovery(_Record):
    """What the score folders hold."""

    new: tuple[NewFile, ...]
    known: tuple[str, ...]
    """Names whose content was scored before, under this or another name."""
    waiting: tuple[str, ...]
    """Names that are perhaps still being written, each with the sign of it."""
    outside: tuple[str, ...] = ()
    """Names of new files whose day is not asked for."""
    unusable: tuple[Unusable, ...] = ()

    def only(self, files: tuple[NewFile, ...]) -> Discovery:
        """The same with some of the new files, or in another order."""
        return self.model_copy(update={"new": files})

    rescored_with: int = 0
    """The version that scores again what is in `new`; 0 = new files, scored by the champion."""
    request: ScoreRequest = EVERYTHING
    made_again: tuple[str, ...] = ()
    """Sentences: what was damaged in the store, and what was done about it."""
    damaged: tuple[Damaged, ...] = ()


def discover_new(workspace: Workspace, request: ScoreRequest = EVERYTHING, *, note: bool = True) -> Discovery:
    """List the score folders and tell new content from known; `note` writes down what was seen."""
    files, waiting, unusable = list_files(workspace)
    known = {row.input_digest for row in list_inputs(workspace.ledger, workspace.pipeline.name) if row.state == "done"}
    new: dict[str, NewFile] = {}
    seen: list[str] = []
    outside: list[str] = []
    for file in files:
        day = day_of(file.name, _changed(file.path))
        if file.digest not in known and not request.covers(day):
            outside.append(file.name)
            continue
        if note:
            see_input(workspace.ledger, workspace.pipeline.name, file.digest, file.name, day.isoformat())
            failpoint("input_seen")
        if file.digest in known or file.digest in new:
            seen.append(file.name)
            if file.digest in new:
                first = new[file.digest]
                new[file.digest] = first.model_copy(update={"copies": (*first.copies, file.name)})
        else:
            found = NewFile(name=file.name, path=str(file.path), digest=file.digest, size=file.size, day=str(day))
            new[file.digest] = found
    for item in unusable if note else ():
        see_input(workspace.ledger, workspace.pipeline.name, item.digest, item.name)
    if note:
        complete_records(workspace)
    return Discovery(
        new=tuple(new.values()), known=tuple(seen), waiting=tuple(waiting), outside=tuple(outside),
        unusable=tuple(unusable), request=request,
    )  # fmt: skip


class Listing(NamedTuple):
    """What lies in the score folders."""

    files: list[InputFile]
    """Those that are whole."""
    waiting: list[str]
    """Sentences about those that perhaps are not."""
    unusable: list[Unusable]


def list_files(workspace: Workspace) -> Listing:
    """Every entry that score.files names."""
    settings = workspace.pipeline.score
    if not settings.files:
        raise ConfigRefused(
            "score.files is empty",
            where=str(workspace.loaded.path),
            expected='files to score, such as files = ["incoming/*.csv"]',
            next_step="name them under [score]",
        )
    source, folder = workspace.pipeline.score_source, workspace.folder
    if source.format == "sql":
        return Listing(find_files(source, folder), [], [])
    marker = settings.done_marker
    unusable: dict[str, Unusable] = {}

    def refuse(path: Path, error: SeqclsError) -> None:
        item = _unusable(_relative(path, folder), error)
        unusable.setdefault(item.name, item)

    found = sorted(without_notes(source, find_paths(folder, list(settings.files), allow_none=True, refuse=refuse)))
    paths = [path for path in found if marker is None or not path.name.endswith(marker)]
    files, moving = read_settled(source, folder, paths, _settled(settings), refuse)
    sign = f"no {marker} beside it, or changing" if marker else "changed a moment ago"
    unfinished = [_relative(path, folder) for path in find_unfinished(folder, list(settings.files))]
    waiting = [*(f"{name} ({sign})" for name in moving), *(f"{name} (a temporary name)" for name in unfinished)]
    return Listing(files, [one_line(item) for item in waiting], list(unusable.values()))


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _unusable(name: str, error: SeqclsError) -> Unusable:
    """Under a name that can be written down, whatever bytes the real one has."""
    told = type(error)(error.found, where=name, expected=error.expected, next_step=error.next_step)
    shown = one_line(name)
    return Unusable(name=shown, digest=hashlib.sha256(f"{shown}\n{told}".encode()).hexdigest(), reason=str(told))


def _settled(settings: ScoreConfig) -> Callable[[Path], bool]:
    """Whether a file shows no sign of being written: its marker is there, and it was left alone long enough."""

    def is_settled(path: Path) -> bool:
        marked = settings.done_marker is None or path.with_name(path.name + settings.done_marker).is_file()
        # a time in the future (another machine's clock) is no reason to wait when nobody asked for waiting
        return marked and (settings.stable_seconds == 0 or _is_quiet(path, settings.stable_seconds))

    return is_settled


def _is_quiet(path: Path, seconds: float) -> bool:
    """Whether a file was left alone for so long; a time that its writer made up counts for less than the disk's own."""
    facts, now = path.stat(), time.time()
    changed = facts.st_mtime if facts.st_mtime <= now else facts.st_ctime
    if changed > now + max(seconds, CLOCKS_APART):
        raise DataRefused(
            f"its times are in the future ({day_of('', changed)})", where=path.name,
            expected="clocks that agree, since score.stable_seconds asks when it was last changed",
            next_step="correct the clock of this machine, or write the file again",
        )  # fmt: skip
    return now - changed >= seconds


def _changed(path: Path) -> float:
    """When a file was last changed; a query has no such time: now."""
    try:
        return path.stat().st_mtime if os.path.isfile(path) else time.time()
    except FileNotFoundError:
        return time.time()
