"""A folder of new files in which everything happens that people do to files, and what must count after it.

In: a random generator. Out: files, and the truth about them, kept without asking the product. Promise: a name holds the
content that it had at the last run that ended by itself, also when the file is gone; a content counts while a name
holds it.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from seqcls.store.artefacts import file_digest
from tests.road_data import write_rows


class Inbox:
    """The folder `incoming` of a project, and a copy of every content that ever lay there."""

    def __init__(self, project: Path, rng: random.Random) -> None:
        self.folder, self.copies, self.rng = project / "incoming", project / "delivered", rng
        self.folder.mkdir(exist_ok=True)
        self.copies.mkdir()
        self.written = 0
        self.files: dict[str, str] = {}
        """Name -> digest, of what lies there now."""
        self.held: dict[str, str] = {}
        """Name -> digest, as the last run that ended by itself must have seen it."""

    @property
    def delivered(self) -> dict[str, Path]:
        """Digest -> copy, of the contents that a run that ended by itself has seen."""
        return {path.stem: path for path in self.copies.iterdir() if path.stem in self.seen}

    seen: frozenset[str] = frozenset()

    @property
    def counting(self) -> dict[str, set[str]]:
        """Digest -> the names that hold it."""
        found: dict[str, set[str]] = {}
        for name, digest in self.held.items():
            found.setdefault(digest, set()).add(f"incoming/{name}")
        return found

    def settle(self) -> None:
        """A run has ended by itself: it has seen what lies there."""
        self.held |= self.files
        self.seen |= set(self.files.values())

    def happen(self) -> str:
        """One thing that people do; in words."""
        ways = [self.add]
        if self.files:
            ways += [self.correct, self.rename, self.copy, self.take_away]
        if len(self.files) > 1:
            ways += [self.move_over, self.exchange]
        if self.seen:
            ways += [self.put_back]
        return self.rng.choice(ways)()

    def add(self) -> str:
        name = f"night{len(self.held) + len(self.files)}-{self.rng.randrange(10**6)}.csv"
        return f"new {name} = {self._write(name)}"

    def correct(self) -> str:
        """The same name, other rows."""
        name = self._any()
        return f"corrected {name} = {self._write(name)}"

    def rename(self) -> str:
        name, other = self._any(), f"renamed{self.rng.randrange(10**6)}.csv"
        self._place(other, self.files[name])
        self._remove(name)
        return f"renamed {name} -> {other}"

    def copy(self) -> str:
        name, other = self._any(), f"copy{self.rng.randrange(10**6)}.csv"
        self._place(other, self.files[name])
        return f"copied {name} -> {other}"

    def move_over(self) -> str:
        """A file takes the name of another one."""
        name, other = self.rng.sample(sorted(self.files), 2)
        self._place(other, self.files[name])
        self._remove(name)
        return f"moved {name} over {other}"

    def exchange(self) -> str:
        name, other = self.rng.sample(sorted(self.files), 2)
        here, there = self.files[name], self.files[other]
        self._place(name, there)
        self._place(other, here)
        return f"exchanged {name} and {other}"

    def put_back(self) -> str:
        """An old content under a name that is known."""
        name, digest = self.rng.choice(sorted(self.held)), self.rng.choice(sorted(self.seen))
        self._place(name, digest)
        return f"put back {name} = {digest[:12]}"

    def take_away(self) -> str:
        """Only what was scored: what no run has seen would be lost by right."""
        known = sorted(name for name, digest in self.files.items() if digest in self.seen)
        if not known:
            return self.add()
        name = self.rng.choice(known)
        self._remove(name)
        return f"took away {name}"

    def _any(self) -> str:
        return self.rng.choice(sorted(self.files))

    def _write(self, name: str) -> str:
        """A content that never was; its digest."""
        self.written += 1
        draft = self.copies / "draft.csv"
        extra = [[f"empty-{self.written}", ""]]
        rows = self.rng.randint(12, 45)
        write_rows(draft, rows, seed=self.rng.randrange(10**9), labelled=False, extra=extra)
        digest = file_digest(draft)
        draft.rename(self.copies / f"{digest}.csv")
        self._place(name, digest)
        return digest[:12]

    def _place(self, name: str, digest: str) -> None:
        shutil.copyfile(self.copies / f"{digest}.csv", self.folder / name)
        self.files[name] = digest

    def _remove(self, name: str) -> None:
        (self.folder / name).unlink()
        del self.files[name]
