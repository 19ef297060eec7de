"""The manifest of an artefact: what its folder must hold, byte for byte.

In: a folder. Out: `manifest.json` with the SHA-256 of every file, and the digest of that JSON, its name.
Promise: `verify` passes only what is as it was written: each file, nothing beside them, and the manifest itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.errors import CheckBroken, Corrupted

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
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
    for name in manifest["files"]:
        if not is_inside(ref.folder / name, ref.folder):
            raise Corrupted(
                f"a manifest that names a file elsewhere: {name[:100]!r}",
                where=ref.path,
                expected="files of the artefact",
                next_step="somebody tampered with it: `seqcls doctor` lists good versions to go back to",
            )
    named = manifest["files"]
    for (name, facts), found in zip(named.items(), _digests([ref.folder / name for name in named]), strict=True):
        if found != facts["sha256"]:
            raise Corrupted(
                f"SHA-256 is {found[:16]}",
                where=str(ref.folder / name),
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
