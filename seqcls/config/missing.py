"""Which package a family came from that is not installed any more, by the models that it made.

In: the bytes of a model.json, or a pipeline file as a dict. Out: `Missing`, or None where nothing is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqcls.config.families import Package, family_names


@dataclass(frozen=True)
class Missing:
    family: str
    package: Package

    @property
    def remedy(self) -> str:
        """What to do next."""
        install = f"pip install {self.package.name}=={self.package.version}"
        return f'{install}, which trained the models of family "{self.family}"; then run the same command again'


def missing_package(model_json: bytes) -> Missing | None:
    """The package that a model needs and that does not register its family now."""
    try:
        facts = json.loads(model_json)
        family, package = facts["model"]["family"], Package(facts["package"], facts["package_version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # not written by a family of another package; who reads it says what is wrong with it
    return None if family in family_names() else Missing(str(family), package)


def missing_in_store(document: Mapping[str, object], folder: Path) -> Missing | None:
    """The same for a pipeline file: the newest model of its store that its family made."""
    model, store = document.get("model"), document.get("store", "store")
    family = model.get("family") if isinstance(model, dict) else None
    if family is None or family in family_names() or not isinstance(store, str):
        return None
    if "\0" in store:
        return None  # refused where the file is read
    made = folder.joinpath(store, "artefacts", "model").glob("*/model.json")
    for path in sorted(made, key=os.path.getmtime, reverse=True):
        found = missing_package(path.read_bytes())
        if found and found.family == family:
            return found
    return None
