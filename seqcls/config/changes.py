"""Changes of a pipeline file for one run: `--set train.epochs=5`, or a field of the form in the Prefect UI.

In: the document of the file, and changes by dotted key. Out: the document with them, which is then checked like a file.
Promise: the file itself is never written; what says whose data it is and where it is kept cannot be changed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.errors import ConfigRefused

FIXED = ("name", "kind", "store", "ledger_env", "score", "schedule")
"""Keys and sections that one training cannot change: another pipeline, another store, or without effect on it."""


class ChangedConfig(BaseModel):
    """A pipeline file, and what is different in one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    changes: dict[str, Any] = {}
    """Dotted key -> value, such as {"train.epochs": 5}."""

    def __str__(self) -> str:
        return self.path


AnyConfig = Path | str | ChangedConfig
"""What names a pipeline wherever one is opened."""


def split_config(config: AnyConfig) -> tuple[Path, dict[str, Any]]:
    """The file, and the changes of this run."""
    return (Path(config.path), config.changes) if isinstance(config, ChangedConfig) else (Path(config), {})


def parse_changes(texts: list[str]) -> dict[str, Any]:
    """["train.epochs=5", "model.family=cnn"] -> {"train.epochs": 5, "model.family": "cnn"}; TOML or text."""
    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConfigRefused(f"{text!r}", where="--set", expected="KEY=VALUE, such as train.epochs=5",
                                next_step="write the key as in the pipeline file, with its section")  # fmt: skip
        if key.strip() in changes:
            raise ConfigRefused(f"{key.strip()} twice", where="--set", next_step="set each key once")
        changes[key.strip()] = _value(value.strip())
    return changes


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text  # a word that needs no quotes on a command line
    return found["value"] if found.keys() == {"value"} else text


def apply_changes(document: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The document of this run. Another family starts from its own defaults: the settings in [model] and [train] are
    those of the family in the file."""
    if not changes:
        return document
    changed = deepcopy(document)
    if replaces_family(document, changes):
        changed["model"], changed["train"] = {}, {}
    for key, value in changes.items():
        *sections, last = key.split(".")
        if key.split(".")[0] in FIXED:
            raise ConfigRefused(f"{key} cannot be changed for one run", where="--set",
                                expected="seed, or a key of a section from [source] to [promote]",
                                next_step="change it in the pipeline file")  # fmt: skip
        here: Any = changed
        for section in sections:
            here = here.setdefault(section, {})
            if not isinstance(here, dict):
                raise ConfigRefused(f"{key}: {section} is no section", where="--set",
                                    next_step="write the key as in the pipeline file")  # fmt: skip
        here[last] = value
    return changed


def replaces_family(document: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether the run trains another family than the file names."""
    model = document.get("model")
    named = model.get("family") if isinstance(model, dict) else None
    return "model.family" in changes and changes["model.family"] != named


def describe_changes(changes: Mapping[str, Any]) -> str:
    """ "model.family=cnn, train.epochs=5"."""
    return ", ".join(f"{key}={value}" for key, value in changes.items())
