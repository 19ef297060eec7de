"""The names of the model families and of the classes behind them. Adding a family is one file and one line here.

In: a name. Out: a class. Families of other packages join by an entry point of the group `seqcls.families`, written in
the same way. Promise: only the class that is asked for is imported, so that reading a pipeline file loads neither torch
nor a package that it does not name; no name ever means two classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from seqcls.errors import ConfigRefused

GROUP = "seqcls.families"
BUILT_IN = {
    "cnn": "seqcls.models.families.cnn:CnnModel",
    "rnn": "seqcls.models.families.recurrent:RecurrentModel",
    "lstm": "seqcls.models.families.recurrent:RecurrentModel",
    "gru": "seqcls.models.families.recurrent:RecurrentModel",
    "hybrid": "seqcls.models.families.hybrid:HybridModel",
    "inception": "seqcls.models.families.inception:InceptionModel",
    "lite": "seqcls.models.families.lite:LiteModel",
    "resnet": "seqcls.models.families.resnet:ResnetModel",
    "attention": "seqcls.models.families.attention:AttentionModel",
    "transformer": "seqcls.models.families.transformer:TransformerModel",
    "rocket": "seqcls.models.families.rocket:RocketModel",
    "ngrams": "seqcls.models.families.ngrams:NgramsModel",
    "encoder": "seqcls.models.families.encoder:EncoderModel",
    "auto": "seqcls.search.family:AutoModel",
}
Base = TypeVar("Base")


@dataclass(frozen=True)
class Package:
    """The distribution that a family comes from; both empty for the families of seqcls itself."""

    name: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@cache
def installed() -> tuple[EntryPoint, ...]:
    """What other packages registered, once each."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda found: (found.name, str(_package(found)))))


def family_names() -> tuple[str, ...]:
    """Every family that [model] may name: those of seqcls, then those of other packages by name."""
    return tuple(dict.fromkeys([*BUILT_IN, *(found.name for found in installed())]))


def package_of(name: str) -> Package:
    """The package that a family comes from. Raises ConfigRefused where two register the name."""
    found = [_package(entry) for entry in installed() if entry.name == name]
    owners = [*(["seqcls"] if name in BUILT_IN else []), *(str(package) for package in found)]
    if len(owners) > 1:
        raise ConfigRefused(
            f'"{name}" is registered by {" and by ".join(owners)}',
            where="model.family",
            expected="one package for each family",
            next_step=f"pip uninstall {found[-1].name}, or rename the family in its entry points",
        )
    return found[0] if found else Package()


@cache
def find_entry(name: str, base: type[Base]) -> type[Base]:
    """The class behind a name, a subclass of `base`.

    Raises KeyError for an unknown name, ConfigRefused where another package's class cannot be loaded or is no family.
    """
    package = package_of(name)
    entry = EntryPoint(name, BUILT_IN[name], GROUP) if not package.name else _entry(name)
    try:
        found = entry.load()
    except Exception as error:
        if not package.name:
            raise
        raise _unusable(entry, package, f"cannot be imported ({type(error).__name__}: {error})") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise _unusable(entry, package, f"is no subclass of {base.__module__}.{base.__name__}")
    return found


def _entry(name: str) -> EntryPoint:
    return next(entry for entry in installed() if entry.name == name)


def _package(entry: EntryPoint) -> Package:
    return Package(entry.dist.name, entry.dist.version) if entry.dist else Package("an unnamed package")


def _unusable(entry: EntryPoint, package: Package, why: str) -> ConfigRefused:
    return ConfigRefused(
        f'"{entry.name}" of {package}: {entry.value} {why}',
        where="model.family",
        expected="a class that can be imported and that describes a family",
        next_step=f"install another version of {package.name}, or choose another family",
    )
