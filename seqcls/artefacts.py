"""Artefacts: immutable folders named by the digest of their content, complete or absent.

In: files written into a temporary folder. Out: `Ref`. Promise: a folder under its final name is complete;
its manifest, written last, holds the SHA-256 of every file. Protocol: temporary folder (leading dot, ignored
by dataset readers) -> fsync files, and manifest -> fsync -> rename -> fsync parent. Killed anywhere, at most a
temporary folder is left, which `remove_stale` clears.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from seqcls.ahead import Behind
from seqcls.durable import fsync_folder, fsync_tree, make_folder
from seqcls.errors import NO_SPACE, Corrupted, NotEnough, WorldFailed, remedy
from seqcls.failpoints import failpoint
from seqcls.manifest import MANIFEST, Ref, file_digest, read_manifest, verify, write_json, write_manifest
from seqcls.temporary import STALE_SECONDS, remove_left_over, temporary_name

# Who works with artefacts finds here what a manifest says, too.
__all__ = ["MANIFEST", "ArtefactStore", "Draft", "Ref", "file_digest", "read_manifest", "verify", "write_json"]


@dataclass
class Draft:
    """An artefact being written: put files into `folder`, facts into `meta`, digests of inputs into `inputs`."""

    folder: Path
    meta: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArtefactStore:
    """All artefacts of one store folder."""

    root: Path

    @contextmanager
    def write(self, kind: str) -> Iterator[tuple[Draft, list[Ref]]]:
        """`with store.write("table") as (draft, done): ...`; afterwards `done[0]` is the Ref."""
        parent = self.root / "artefacts" / kind
        draft = Draft(parent / temporary_name())
        done: list[Ref] = []
        try:
            make_folder(parent, 0o700)
            draft.folder.mkdir(mode=0o700)
            failpoint("artefact_begun")
            yield draft, done
            done.append(self._publish(kind, draft))
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
        ref = self.find(kind, digest)
        return ref if ref is not None and self.is_whole(ref) else None

    def is_whole(self, ref: Ref) -> bool:
        """Verify; an artefact that does not pass is set aside, so that it can be made again."""
        try:
            verify(ref)
        except Corrupted:
            self.set_aside(ref)
            return False
        return True

    def set_aside(self, ref: Ref) -> Path:
        """Move a damaged artefact out of the way, kept for inspection, so that it can be made again."""
        target = self.root / "damaged" / f"{ref.kind}-{ref.digest[:16]}-{uuid.uuid4().hex[:8]}"
        make_folder(target.parent, 0o700)
        with suppress(FileNotFoundError):  # another run set it aside just now
            os.rename(ref.folder, target)
        return target

    def discard(self, ref: Ref) -> None:
        """Delete an artefact: renamed first, so that a reader finds it whole or not at all."""
        condemned = ref.folder.with_name(temporary_name())
        with suppress(FileNotFoundError):
            os.rename(ref.folder, condemned)
            failpoint("artefact_condemned")
            shutil.rmtree(condemned)

    def all(self) -> Iterator[Ref]:
        """Every artefact of the store, by kind and digest."""
        for folder in sorted((self.root / "artefacts").glob("*/*")):
            if not folder.name.startswith("."):
                yield self.ref(folder.parent.name, folder.name)

    def remove_stale(self, older_than_seconds: float = STALE_SECONDS) -> int:
        """Clear temporary folders that killed runs left."""
        found = [*self.root.glob(".tmp-*"), *(self.root / "artefacts").glob("*/.tmp-*")]
        return remove_left_over(found, older_than_seconds)

    def _publish(self, kind: str, draft: Draft) -> Ref:
        with Behind() as behind:  # the disk takes in the files while they are hashed
            behind.hand_over(partial(fsync_tree, draft.folder))
            ref = self.ref(kind, write_manifest(draft.folder, kind, draft.inputs, draft.meta))
        fsync_tree(draft.folder)  # of the files nothing is left to write: this is for the manifest
        failpoint("artefact_written")
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
