"""The manifest of an artefact: what its folder must hold, byte for byte.

In: a folder. Out: `manifest.json` with the SHA-256 of every file, and the digest of that JSON, its name.
Promise: `verify` passes only what is as it was written: each file, nothing beside them, and the manifest itself; a
manifest is compared with the name of its folder whenever it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from seqcls.errors import CheckBroken, Corrupted
from seqcls.store.records import Meta

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
AGAIN = (
    "`seqcls train CONFIG` makes it again where data and settings are those it was made from; "
    "otherwise copy its folder from a backup"
)
_REMEDIES = {
    "model": f"{AGAIN}; until then `seqcls rollback CONFIG` if it is the champion",
    "race": "`seqcls promote CONFIG --version N` races again; until then PyTorch in float32 scores",
    "alias_move": "`seqcls score CONFIG` writes it again",
    "sightings": "`seqcls score CONFIG` writes it again",
    "scores": "`seqcls doctor CONFIG --repair` puts the published copy in its place, or has the rows scored again",
}
M = TypeVar("M", bound=Meta)
WORTH_A_THREAD = 8 * 1024 * 1024
"""Bytes of an artefact: hashing them takes some milliseconds, starting threads a tenth of one."""


class Ref(BaseModel):
    """What passes between tasks: small, frozen, JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    digest: str
    path: str

    @property
    def folder(self) -> Path:
        return Path(self.path)


def write_manifest(folder: Path, kind: str, inputs: dict[str, str], meta: dict[str, Any]) -> str:
    """Describe all files of a folder; returns the digest that names the artefact."""
    files = _list_files(folder)
    facts = {"format": FORMAT_VERSION, "kind": kind, "files": files, "inputs": inputs, "meta": meta}
    write_json(folder / MANIFEST, facts)
    return _manifest_digest(json.loads((folder / MANIFEST).read_bytes()))


def read_meta(ref: Ref, record: type[M]) -> M:
    """What an artefact says of itself, from its manifest alone; Corrupted where a field is missing."""
    return parse_meta(ref, read_manifest(ref), record)


def parse_meta(ref: Ref, manifest: dict[str, Any], record: type[M]) -> M:
    """The same of a manifest that was read before."""
    try:
        return record.model_validate(manifest["meta"])
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
        raise Corrupted(
            f"a manifest that does not describe a {record.artefact} artefact ({fields})",
            where=f"{ref.path}/{MANIFEST}", expected="the fields that seqcls writes", next_step=remedy_of(ref.kind),
        ) from None  # fmt: skip


def read_manifest(ref: Ref) -> dict[str, Any]:
    """The manifest as a dict: kind, files, meta, inputs; its bytes are those that the folder is named by."""
    data, path = read_json(ref, MANIFEST), f"{ref.path}/{MANIFEST}"
    if data.get("format") != FORMAT_VERSION:
        raise Corrupted(
            f"an artefact of format {data.get('format')!r}",
            where=path,
            expected=f"format {FORMAT_VERSION}",
            next_step="use the version of seqcls that wrote it, or run the stage again",
        )
    if not _is_as_written(data, (ref.folder / MANIFEST).read_bytes(), ref.digest):
        raise Corrupted(
            "the manifest does not have the digest that the folder is named by",
            where=path,
            expected=ref.digest,
            next_step=remedy_of(ref.kind),
        )
    if not (
        _is_list_of_files(data.get("files")) and all(isinstance(data.get(key), dict) for key in ("inputs", "meta"))
    ):
        raise Corrupted(
            "a manifest that does not describe an artefact", where=path, expected="files, inputs and meta",
            next_step=remedy_of(ref.kind),
        )  # fmt: skip
    return data


def _is_as_written(data: dict[str, Any], raw: bytes, digest: str) -> bool:
    """Whether a manifest has its digest, and its bytes are those that are written of it."""
    try:
        return _manifest_digest(data) == digest and _render_json(data).encode() == raw
    except ValueError:  # a number or a character that JSON of ours never has
        return False


def _is_list_of_files(files: Any) -> bool:
    """Each name with its digest."""
    return isinstance(files, dict) and all(
        isinstance(facts, dict) and isinstance(facts.get("sha256"), str) for facts in files.values()
    )


def read_json(ref: Ref, name: str) -> dict[str, Any]:
    """A JSON object of an artefact; whatever else stands there is one message. The bytes are not compared here."""
    path = ref.folder / name
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Corrupted(
            "no manifest" if name == MANIFEST else "no such file",
            where=ref.path if name == MANIFEST else str(path),
            expected=f"a complete {ref.kind} artefact",
            next_step=remedy_of(ref.kind),
        ) from None
    except (ValueError, RecursionError) as error:
        raise Corrupted(f"not JSON ({error})", where=str(path), next_step=remedy_of(ref.kind)) from None
    if not isinstance(data, dict):
        raise Corrupted("not a JSON object", where=str(path), next_step=remedy_of(ref.kind))
    return data


def verify(ref: Ref) -> dict[str, Any]:
    """Compare every file with its digest, and the manifest with the folder's name; returns the manifest."""
    manifest = read_manifest(ref)
    extra = {path.relative_to(ref.folder).as_posix() for path in ref.folder.rglob("*") if not path.is_dir()}
    extra -= {*manifest["files"], MANIFEST}
    if extra:  # readers take what matches part-*.parquet
        raise Corrupted(
            f"a file that the manifest does not name: {min(extra)}",
            where=ref.path,
            next_step="move it away: nothing may be added to an artefact",
        )
    for name in manifest["files"]:
        if not is_inside(ref.folder / name, ref.folder):
            raise Corrupted(
                f"a manifest that names a file elsewhere: {name[:100]!r}",
                where=ref.path,
                expected="files of the artefact",
                next_step=f"somebody tampered with it: {remedy_of(ref.kind)}",
            )
    named = manifest["files"]
    for (name, facts), found in zip(named.items(), _digests([ref.folder / name for name in named]), strict=True):
        if found != facts["sha256"]:
            raise Corrupted(
                f"SHA-256 is {found[:16]}",
                where=str(ref.folder / name),
                expected=facts["sha256"][:16],
                next_step=remedy_of(ref.kind),
            )
    return manifest


def signature(ref: Ref) -> tuple[object, ...]:
    """How the files of an artefact look from outside: name, size, time of the last change, number on the disk."""
    found = []
    for path in sorted(ref.folder.rglob("*")):
        with suppress(FileNotFoundError):  # a link that leads nowhere, or another run sets it aside: `verify` tells
            facts = path.stat()
            found.append((str(path), facts.st_size, facts.st_mtime_ns, facts.st_ino))
    return tuple(found)


def remedy_of(kind: str) -> str:
    """What a person can do about a damaged artefact of a kind; each is tried by tests/reliability/test_remedies.py."""
    return _REMEDIES.get(kind, AGAIN)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, stays below a folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(paths: list[Path]) -> list[str]:
    """Of each file; "no file" where there is none. Large ones two at a time: hashing leaves the interpreter."""

    def digest(path: Path) -> str:
        return file_digest(path) if path.is_file() else "no file"

    if sum(path.stat().st_size for path in paths if path.is_file()) < WORTH_A_THREAD:
        return [*map(digest, paths)]
    with ThreadPoolExecutor(2, thread_name_prefix="hashing") as pool:
        return list(pool.map(digest, paths))


def write_json(path: Path, data: Any) -> None:
    """Canonical JSON: sorted keys, no NaN (not JSON), so that equal content has equal bytes."""
    path.write_text(_render_json(data), encoding="utf-8")


def _render_json(data: Any) -> str:
    return json.dumps(data, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _manifest_digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _list_files(folder: Path) -> dict[str, dict[str, Any]]:
    found = sorted(folder.rglob("*"))
    for path in found:
        if path.is_symlink():
            raise CheckBroken("a link inside an artefact", where=str(path), expected="plain files")
    paths = [path for path in found if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): {"sha256": digest, "bytes": path.stat().st_size}
        for path, digest in zip(paths, _digests(paths), strict=True)
    }
