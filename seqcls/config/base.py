"""What every section of a pipeline file shares: frozen, typed, unknown keys refused."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer


class Section(BaseModel):
    """One table of the TOML file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True,
        allow_inf_nan=False,  # nan is neither above nor below anything: a bound that checks nothing
    )  # fmt: skip

    later_keys: ClassVar[frozenset[str]] = frozenset()
    """Keys that are younger than the first stores: written, also into the keys of stages, only where they are set, so
    that an upgrade makes nothing again."""

    @model_serializer(mode="wrap")
    def _without_later_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = handler(self)
        left_out = {name for name in self.later_keys if getattr(self, name) == self.default_of(name)}
        return {name: value for name, value in written.items() if name not in left_out}

    @classmethod
    def default_of(cls, name: str) -> object:
        """What a key is where the file leaves it out."""
        return cls.model_fields[name].get_default(call_default_factory=True)

    def key_text(self) -> str:
        """What a key of an artefact is made of."""
        return self.model_dump_json()


def _local(value: str) -> str:
    if "://" in value or "::" in value or value.lower().startswith(("file:", "http:", "https:", "ftp:", "data:")):
        raise ValueError("this is an address; only local files and folders are read and written")
    return value


LocalPath = Annotated[str, AfterValidator(_local)]
"""A file, folder or glob of this machine: no scheme, no chained file systems."""


def _variable(value: str) -> str:
    if not value.replace("_", "a").isalnum() or not value.isascii() or value[0].isdigit():
        raise ValueError(
            "not the name of an environment variable (an address or a password does not belong in the file)"
        )
    return value


Variable = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_variable)]
"""The name of an environment variable, never what it holds."""
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=False)]
MOST = 2**31 - 1
"""Largest count: what Arrow, NumPy and the ledger hold in every place, and far beyond any use."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
Bytes = Annotated[int, Field(ge=1, le=2**60)]
Duration = Annotated[str, Field(pattern=r"^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$", min_length=2)]
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def duration_seconds(duration: str) -> float:
    """ "1h30m" -> 5400."""
    return float(sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"(\d+)([hms])", duration)))
