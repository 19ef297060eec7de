"""Artefacts: immutable folders named by the digest of their content, complete or absent.

In: files written into a temporary folder. Out: `Ref`. Promise: a folder under its final name is complete;
its manifest, written last, holds the SHA-256 of every file. Protocol: temporary folder (leading dot, ignored
by dataset readers) -> fsync files, and manifest -> fsync -> rename -> fsync parent. Killed anywhere, at most a
temporary folder is left, which `remove_stale` clears.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from seqcls.errors import NO_SPACE, Corrupted, NotEnough, WorldFailed, remedy
from seqcls.store.background import WriteBehind
from seqcls.store.durable import fsync_folder, fsync_tree, make_folder
from seqcls.store.failpoints import failpoint
from seqcls.store.manifest import (
    MANIFEST,
    Ref,
    file_digest,
    read_json,
    read_manifest,
    read_meta,
    remedy_of,
    signature,
    verify,
    write_json,
    write_manifest,
)
from seqcls.store.records import Meta
from seqcls.store.temporary import PREFIX, STALE_SECONDS, is_left_over, remove_left_over, temporary_name

# Who works with artefacts finds here what a manifest says, too.
__all__ = [
    "MANIFEST", "ArtefactStore", "Draft", "Ref", "file_digest", "read_json", "read_manifest", "read_meta", "remedy_of",
    "verify", "write_json",
]  # fmt: skip

HOLDS = ".holds"
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass
class Draft:
    """An artefact being written: put files into `folder`, digests of inputs into `inputs`, and `describe` it."""

    folder: Path
    meta: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    _ref: Ref | None = None

    def describe(self, record: Meta) -> None:
        """What the artefact says of itself; fields that were not set are not written."""
        self.meta |= record.model_dump(mode="json", exclude_unset=True)

    @property
    def ref(self) -> Ref:
        """The artefact, once it is published."""
        assert self._ref is not None, "an artefact is published at the end of its `with` block"
        return self._ref


@dataclass(frozen=True)
class ArtefactStore:
    """All artefacts of one store folder."""

    root: Path
    _seen_whole: dict[Ref, tuple[object, ...]] = field(default_factory=dict, compare=False, repr=False)
    """What was verified, and how its files looked then."""
    holds: Path | None = field(default=None, compare=False)
    """Where this run notes what it has taken up, for `seqcls gc`; it goes when the run ends."""

    @contextmanager
    def write(self, kind: str) -> Iterator[Draft]:
        """`with store.write("table") as draft: ...`; afterwards `draft.ref` is the artefact."""
        parent = self.root / "artefacts" / kind
        draft = Draft(parent / temporary_name())
        try:
            make_folder(parent)
            draft.folder.mkdir(mode=0o700)
            failpoint("artefact_begun")
            yield draft
            draft._ref = self._publish(kind, draft)
        except OSError as error:
            failure = NotEnough if error.errno in NO_SPACE else WorldFailed
            raise failure(
                f"{error.strerror or error} while writing a {kind} artefact{self._room(error)}",
                where=str(error.filename or draft.folder),
                expected="a disk and limits that let it be written",
                next_step=f"{remedy(error)}, then run the same command again",
            ) from error
        finally:
            shutil.rmtree(draft.folder, ignore_errors=True)

    def _room(self, error: OSError) -> str:
        """How much is free, when that is the trouble."""
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self.root.is_dir():
            return ""
        return f" ({shutil.disk_usage(self.root).free / 1e6:.1f} MB free)"

    def ref(self, kind: str, digest: str) -> Ref:
        return Ref(kind=kind, digest=digest, path=str(self.root / "artefacts" / kind / digest))

    def find(self, kind: str, digest: str) -> Ref | None:
        """The artefact if it is there (not verified)."""
        ref = self.ref(kind, digest)
        return ref if (ref.folder / MANIFEST).is_file() else None

    def find_whole(self, kind: str, digest: str) -> Ref | None:
        """The artefact if it is there and every byte is as it was written; a damaged one is set aside."""
        self.take_up(self.ref(kind, digest))
        ref = self.find(kind, digest)
        return ref if ref is not None and self.is_whole(ref) else None

    def take_up(self, ref: Ref) -> None:
        """Say that this run uses an artefact, before it looks whether it is there; `seqcls gc` passes over it then."""
        if self.holds is not None:
            make_folder(self.holds.parent)  # the ledger may be elsewhere
            with open(self.holds, "a", encoding="ascii") as file:
                file.write(f"{ref.kind} {ref.digest}\n")
        with suppress(FileNotFoundError):
            os.utime(ref.folder)

    def held(self) -> set[tuple[str, str]]:
        """What living runs have taken up: (kind, digest)."""
        lines: list[str] = []
        for path in self.root.glob(f"{PREFIX}*{HOLDS}"):
            if not is_left_over(path):
                with suppress(FileNotFoundError):  # that run has ended just now
                    lines += path.read_text(encoding="ascii").splitlines()
        return {(kind, digest) for kind, _, digest in (line.partition(" ") for line in lines)}

    def whole(self, kind: str, digest: str) -> Ref:
        """The artefact, whose every byte is as it was written; Corrupted otherwise. For all that decides something.

        A store hashes an artefact once, and again when a file of it looks changed since.
        """
        ref = self.ref(kind, digest)
        looks = signature(ref)
        if self._seen_whole.get(ref) != looks:
            verify(ref)
            self._seen_whole[ref] = looks
        return ref

    def is_whole(self, ref: Ref) -> bool:
        """Verify; an artefact that does not pass is set aside, so that it can be made again."""
        try:
            self.whole(ref.kind, ref.digest)
        except Corrupted:
            self.set_aside(ref)
            return False
        return True

    def set_aside(self, ref: Ref) -> Path:
        """Move a damaged artefact out of the way, kept for inspection, so that it can be made again."""
        target = self.root / "damaged" / f"{ref.kind}-{ref.digest[:16]}-{uuid.uuid4().hex[:8]}"
        make_folder(target.parent)
        with suppress(FileNotFoundError):  # another run set it aside just now
            os.rename(ref.folder, target)
        return target

    def restore(self, ref: Ref, files: dict[str, Path]) -> None:
        """Put an artefact together again from files that have its digests; the damaged one is set aside."""
        folder = ref.folder.with_name(temporary_name())
        try:
            for name, source in {MANIFEST: ref.folder / MANIFEST, **files}.items():
                make_folder((folder / name).parent)
                shutil.copyfile(source, folder / name)
            fsync_tree(folder)
            self.set_aside(ref)
            os.rename(folder, ref.folder)
            fsync_folder(ref.folder.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.whole(ref.kind, ref.digest)

    def discard(self, refs: Iterable[Ref], find_needed: Callable[[], set[tuple[str, str]]]) -> None:
        """Delete artefacts, but for those that are needed: renamed first, so that a reader finds each whole or not at
        all; put back if one turns out to be needed then."""
        needed = find_needed()
        condemned = {ref: self._condemn(ref) for ref in refs if (ref.kind, ref.digest) not in needed}
        needed = find_needed()
        spare = [
            path for ref, path in condemned.items()
            if path is not None and not ((ref.kind, ref.digest) in needed and self._put_back(path, ref))
        ]  # fmt: skip
        for path in spare:
            failpoint("artefact_condemned")
            shutil.rmtree(path)

    def _condemn(self, ref: Ref) -> Path | None:
        condemned = ref.folder.with_name(temporary_name())
        try:
            os.rename(ref.folder, condemned)
        except FileNotFoundError:  # another clean-up was faster
            return None
        return condemned

    def _put_back(self, condemned: Path, ref: Ref) -> bool:
        try:
            os.rename(condemned, ref.folder)
        except OSError:
            if not (ref.folder / MANIFEST).is_file():
                raise
            return False  # made again meanwhile: this one is spare
        return True

    def all(self, kind: str = "*") -> Iterator[Ref]:
        """Every artefact of the store, by kind and digest."""
        for folder in sorted((self.root / "artefacts").glob(f"{kind}/*")):
            if _DIGEST.fullmatch(folder.name) and folder.is_dir():
                yield self.ref(folder.parent.name, folder.name)

    def strays(self) -> list[Path]:
        """What lies among the artefacts and is none: nothing of ours writes it, and nothing of ours reads it."""
        below = self.root / "artefacts"
        found = [path for path in below.glob("*") if not path.is_dir()]
        found += [path for path in below.glob("*/*") if not (_DIGEST.fullmatch(path.name) and path.is_dir())]
        return sorted(path for path in found if not path.name.startswith(PREFIX))

    def remove_stale(self, older_than_seconds: float = STALE_SECONDS) -> int:
        """Clear temporary folders that killed runs left."""
        found = [*self.root.glob(".tmp-*"), *(self.root / "artefacts").glob("*/.tmp-*")]
        return remove_left_over(found, older_than_seconds)

    def _publish(self, kind: str, draft: Draft) -> Ref:
        with WriteBehind() as behind:  # the disk takes in the files while they are hashed
            behind.hand_over(partial(fsync_tree, draft.folder))
            ref = self.ref(kind, write_manifest(draft.folder, kind, draft.inputs, draft.meta))
        fsync_tree(draft.folder)  # of the files nothing is left to write: this is for the manifest
        failpoint("artefact_written")
        self.take_up(ref)
        try:
            os.rename(draft.folder, ref.folder)
        except OSError:
            if not (ref.folder / MANIFEST).is_file():
                raise
            if not self.is_whole(ref):  # the same content was published before: as good, unless its bytes changed
                os.rename(draft.folder, ref.folder)
        fsync_folder(ref.folder.parent)
        failpoint("artefact_published")
        return ref
