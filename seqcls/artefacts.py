"""Artefacts: immutable folders named by the digest of their content, complete or absent.

In: files written into a temporary folder. Out: `Ref`. Promise: a folder under its final name is complete;
its manifest, written last, holds the SHA-256 of every file. Protocol: temporary folder (leading dot, ignored
by dataset readers) -> fsync files -> manifest -> fsync -> rename -> fsync parent. Killed anywhere, at most a
temporary folder is left, which `remove_stale` clears.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.errors import CheckBroken, Corrupted, WorldFailed, remedy
from seqcls.failpoints import failpoint
from seqcls.temporary import STALE_SECONDS, remove_left_over, temporary_name

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


class Ref(BaseModel):
    """What passes between tasks: small, frozen, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    digest: str
    path: str

    @property
    def folder(self) -> Path:
        return Path(self.path)


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
            raise WorldFailed(
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
        write_json(
            draft.folder / MANIFEST,
            {
                "format": FORMAT_VERSION,
                "kind": kind,
                "files": _list_files(draft.folder),
                "inputs": draft.inputs,
                "meta": draft.meta,
            },
        )
        ref = self.ref(kind, _manifest_digest(json.loads((draft.folder / MANIFEST).read_bytes())))
        _fsync_tree(draft.folder)
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


def read_manifest(ref: Ref) -> dict[str, Any]:
    """The manifest as a dict: kind, files, meta, inputs."""
    try:
        data: dict[str, Any] = json.loads((ref.folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise Corrupted(
            "no manifest",
            where=ref.path,
            expected=f"a complete {ref.kind} artefact",
            next_step="run the stage again, or `seqcls doctor`",
        ) from None
    except ValueError as error:
        raise Corrupted(f"the manifest is not JSON ({error})", where=ref.path, next_step="`seqcls doctor`") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT_VERSION:
        raise Corrupted(
            f"an artefact of format {data.get('format') if isinstance(data, dict) else data!r}",
            where=f"{ref.path}/{MANIFEST}",
            expected=f"format {FORMAT_VERSION}",
            next_step="use the version of seqcls that wrote it, or run the stage again",
        )
    return data


def verify(ref: Ref) -> dict[str, Any]:
    """Compare every file with its digest, and the manifest with the folder's name; returns the manifest."""
    manifest = read_manifest(ref)
    as_written = (ref.folder / MANIFEST).read_bytes() == _render_json(manifest).encode()
    if _manifest_digest(manifest) != ref.digest or not as_written:
        raise Corrupted(
            "the manifest does not have the digest that the folder is named by",
            where=f"{ref.path}/{MANIFEST}",
            expected=ref.digest,
            next_step="`seqcls doctor` lists good versions to go back to",
        )
    extra = {path.relative_to(ref.folder).as_posix() for path in ref.folder.rglob("*") if not path.is_dir()}
    extra -= {*manifest["files"], MANIFEST}
    if extra:  # readers take what matches part-*.parquet
        raise Corrupted(
            f"a file that the manifest does not name: {min(extra)}",
            where=ref.path,
            next_step="move it away: nothing may be added to an artefact",
        )
    for name, facts in manifest["files"].items():
        path = ref.folder / name
        if not is_inside(path, ref.folder):
            raise Corrupted(
                f"a manifest that names a file elsewhere: {name[:100]!r}",
                where=ref.path,
                expected="files of the artefact",
                next_step="somebody tampered with it: `seqcls doctor` lists good versions to go back to",
            )
        found = file_digest(path) if path.is_file() else "no file"
        if found != facts["sha256"]:
            raise Corrupted(
                f"SHA-256 is {found[:16]}",
                where=str(path),
                expected=facts["sha256"][:16],
                next_step="`seqcls doctor` lists good versions to go back to",
            )
    return manifest


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, stays below a folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, data: Any) -> None:
    """Canonical JSON: sorted keys, no NaN (not JSON), so that equal content has equal bytes."""
    path.write_text(_render_json(data), encoding="utf-8")


def _render_json(data: Any) -> str:
    return json.dumps(data, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """A folder and those above it; each new one is synced into the one that holds it, or power loss may undo it."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(mode, exist_ok=True)
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest_digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _list_files(folder: Path) -> dict[str, dict[str, Any]]:
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise CheckBroken("a link inside an artefact", where=str(path), expected="plain files")
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    return files


def _fsync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            fsync_folder(path)
    fsync_folder(folder)
