"""Power loss: what a disk may hold when the machine stops between two system calls.

In: a folder, and work that is done in it. Out: folders as they may be found afterwards. The model is that of POSIX, as
in "All File Systems Are Not Created Equal" (Pillai et al., OSDI 2014): of a file, what was there at its last fsync is
safe; of a folder, the entries that were there at its own last fsync are safe; of everything else any part may be there
or not. SQLite's files are taken by its own promise (synchronous=FULL): as they were after the last commit.

For each moment five kinds of state are made: all that is not safe is lost; all is there; each change alone is lost;
each alone is there; files that were never synced are there, but empty or half.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from seqcls.ledger.database import LEDGER, Database

Entries = dict[str, int]
"""Name -> inode, of one folder."""


@dataclass(frozen=True)
class Moment:
    """The disk between two calls: what is there, and what of it is safe."""

    call: str
    root: int
    folders: dict[int, Entries]
    files: dict[int, bytes]
    safe_folders: dict[int, Entries]
    safe_files: dict[int, bytes]
    ledger: bytes

    def changes(self) -> list[tuple[int, str]]:
        """Entries of folders that differ from the safe ones."""
        found = []
        for folder, entries in self.folders.items():
            safe = self.safe_folders.get(folder, {})
            found += [
                (folder, name) for name in sorted(entries.keys() | safe.keys()) if entries.get(name) != safe.get(name)
            ]
        return found


@dataclass
class Recorder:
    """Watches the calls that change a folder, and keeps each moment."""

    folder: Path
    ledger: Path
    moments: list[Moment] = field(default_factory=list)
    safe_folders: dict[int, Entries] = field(default_factory=dict)
    safe_files: dict[int, bytes] = field(default_factory=dict)
    snapshot: bytes = b""

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """What is there now is safe; from now on the calls are kept."""
        folders, files = self._look()
        self.safe_folders, self.safe_files = dict(folders), dict(files)
        self._commit()
        with contextlib.ExitStack() as stack:
            for name in ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir"):
                stack.enter_context(mock.patch.object(os, name, self._wrapped(name, getattr(os, name))))
            stack.enter_context(mock.patch.object(Database, "transact", self._wrapped_transact(Database.transact)))
            yield

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._keep(f"before {name}")
            answer = real(*arguments, **options)
            if name == "fsync":
                self._sync(arguments[0])
            self._keep(f"after {name}")
            return answer

        return call

    def _wrapped_transact(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def transact(database: Database, work: Callable[..., Any]) -> Any:
            answer = real(database, work)
            self._commit()
            self._keep("after commit")
            return answer

        return transact

    def _commit(self) -> None:
        with contextlib.closing(sqlite3.connect(self.ledger)) as connection:
            self.snapshot = connection.serialize()

    def _sync(self, descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        folders, files = self._look()
        if inode in folders:
            self.safe_folders[inode] = folders[inode]
        elif inode in files:
            self.safe_files[inode] = files[inode]

    def _look(self) -> tuple[dict[int, Entries], dict[int, bytes]]:
        folders: dict[int, Entries] = {}
        files: dict[int, bytes] = {}
        waiting = [self.folder]
        while waiting:
            place = waiting.pop()
            entries = folders[place.stat().st_ino] = {}
            for item in os.scandir(place):
                if item.name.startswith(LEDGER):
                    continue
                entries[item.name] = item.inode()
                if item.is_dir():
                    waiting.append(Path(item.path))
                else:
                    files[item.inode()] = Path(item.path).read_bytes()
        return folders, files

    def _keep(self, call: str) -> None:
        folders, files = self._look()
        self.moments.append(
            Moment(
                call, self.folder.stat().st_ino, folders, files, dict(self.safe_folders), dict(self.safe_files),
                self.snapshot,
            )
        )  # fmt: skip


def crash_states(moments: list[Moment]) -> Iterator[tuple[Moment, dict[str, bytes | None]]]:
    """Each state once: (moment, {path: content, None for a folder})."""
    seen: set[int] = set()
    for moment in moments:
        changes = moment.changes()
        choices = [set(), set(changes), *({one} for one in changes), *(set(changes) - {one} for one in changes)]
        for there in choices:
            for content in ("safe", "whole", "empty", "half"):
                state = _build(moment, there, content)
                key = hash((moment.ledger, frozenset(state.items())))
                if key not in seen:
                    seen.add(key)
                    yield moment, state


def _build(moment: Moment, there: set[tuple[int, str]], content: str) -> dict[str, bytes | None]:
    state: dict[str, bytes | None] = {}
    waiting = [("", moment.root)]
    while waiting:
        prefix, folder = waiting.pop()
        now, safe = moment.folders.get(folder, {}), moment.safe_folders.get(folder, {})
        for name in now.keys() | safe.keys():
            inode = (now if (folder, name) in there else safe).get(name)
            if inode is None:
                continue
            if inode in moment.folders or inode in moment.safe_folders:
                state[prefix + name] = None
                waiting.append((f"{prefix}{name}/", inode))
            else:
                state[prefix + name] = _content(moment, inode, content)
    return state


def _content(moment: Moment, inode: int, content: str) -> bytes:
    whole = moment.files.get(inode, moment.safe_files.get(inode, b""))
    if content == "whole" or moment.safe_files.get(inode) == whole:
        return whole
    return {"safe": moment.safe_files.get(inode, b""), "empty": b"", "half": whole[: len(whole) // 2]}[content]


def write_state(folder: Path, moment: Moment, state: dict[str, bytes | None]) -> None:
    """Lay a state out in an empty folder."""
    for path, content in sorted(state.items()):
        if content is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    (folder / "store").mkdir(exist_ok=True)
    (folder / "store" / LEDGER).write_bytes(moment.ledger)
