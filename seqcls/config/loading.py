"""The pipeline file -> a `LoadedPipeline`. In: a path. Out: a frozen record, read once at the border.

Promise: every fault of the file is reported at once, with its place and the nearest known name; nothing in it is
executed.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from seqcls.config.base import Section
from seqcls.config.changes import AnyConfig, apply_changes, describe_changes, split_config
from seqcls.config.faults import describe_fault
from seqcls.config.hidden import faults_behind, faults_hidden
from seqcls.config.missing import missing_in_store
from seqcls.config.pipeline import AnyPipeline, Pipeline
from seqcls.config.places import place_faults
from seqcls.config.unreadable import not_toml, other_file, refuse_deep_keys
from seqcls.errors import OF_THE_WORLD, ConfigRefused, WorldFailed, remedy

MAX_CONFIG_BYTES = 1_000_000
MOST_FAULTS = 50
"""Faults that a message lists; the rest are counted."""
_ADAPTER: TypeAdapter[Pipeline] = TypeAdapter(AnyPipeline)


class LoadedPipeline(Section):
    """A pipeline and the folder its paths are relative to."""

    pipeline: Pipeline
    folder: Path
    path: Path
    changes: dict[str, Any] = {}
    """What is different in this run from the file."""

    @property
    def store(self) -> Path:
        return Path(os.path.realpath(self.folder / self.pipeline.store))


def parse_pipeline(data: dict[str, object], where: str, next_step: str = "") -> Pipeline:
    """A TOML document as a dict -> Pipeline, or ConfigRefused listing every fault."""
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        found = [(fault, data) for fault in error.errors(include_url=False)]
        found += faults_behind(error, data, _ADAPTER) or faults_hidden(error, data, _ADAPTER)
        faults = [line for one in found[:MOST_FAULTS] for line in describe_fault(*one).splitlines()]
        more = len(found[MOST_FAULTS:])
        count = len(faults) + more
        shown = [f"  {fault}" for fault in faults] + ([f"  and {more} more"] if more else [])
        raise ConfigRefused(
            f"{count} fault{'s' if count > 1 else ''}\n" + "\n".join(shown),
            where=where,
            next_step=next_step or f"fix the lines above, then `seqcls check {where}`",
        ) from None


def load_pipeline(config: AnyConfig) -> LoadedPipeline:
    """Read one TOML file, with the changes of a run."""
    path, changes = split_config(config)
    data = apply_changes(_parse_toml(_read_bytes(path), path), changes)
    where = f"{path} with {describe_changes(changes)}" if changes else str(path)
    folder = path.resolve().parent
    missing = missing_in_store(data, folder)
    pipeline = parse_pipeline(data, where, missing.remedy if missing else _other_values(path, changes))
    if faults := list(place_faults(pipeline, folder)):
        raise ConfigRefused("; ".join(faults), where=where, next_step=f"fix it, then `seqcls check {path}`")
    return LoadedPipeline(pipeline=pipeline, folder=folder, path=path.resolve(), changes=changes)


def _other_values(path: Path, changes: dict[str, Any]) -> str:
    """What to do about a fault of a run with changes."""
    return (
        f"use other values for this run; `seqcls check {path}` shows whether the file itself is right"
        if changes
        else ""
    )


def _read_bytes(path: Path) -> bytes:
    if "\0" in str(path):
        raise ConfigRefused("a NUL in the name of the file", where=repr(str(path))[:100], expected="a file name",
                            next_step="name a pipeline file")  # fmt: skip
    try:
        raw = path.read_bytes()
    except OSError as error:
        if error.errno in OF_THE_WORLD:
            raise WorldFailed(f"cannot read the file ({error.strerror})", where=str(path), expected="a pipeline file",
                              next_step=f"{remedy(error)}, then run the same command again") from error  # fmt: skip
        raise ConfigRefused(
            f"cannot read the file ({error.strerror})",
            where=str(path),
            expected="a pipeline file (TOML)",
            next_step=other_file(path),
        ) from None
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigRefused(f"{len(raw)} bytes", where=str(path), expected=f"at most {MAX_CONFIG_BYTES} bytes of TOML",
                            next_step="name a pipeline file, not a data file")  # fmt: skip
    return raw


def _parse_toml(raw: bytes, path: Path) -> dict[str, object]:
    refuse_deep_keys(raw, path)
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigRefused(f"byte {error.start} is not UTF-8", where=str(path), expected="TOML in UTF-8",
                            next_step="save the file as UTF-8")  from None  # fmt: skip
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused(not_toml(raw, error), where=str(path), next_step="fix that line") from None
    except (RecursionError, ValueError) as error:  # a thousand brackets in each other; a number of 5,000 digits
        raise ConfigRefused(f"cannot be read as TOML ({str(error)[:100]})", where=str(path),
                            expected="lists, tables and numbers as people write them",
                            next_step="name a pipeline file, or fix it") from None  # fmt: skip
