"""What every section of a pipeline file shares: frozen, typed, unknown keys refused."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """One table of the TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


Share = Annotated[float, Field(ge=0.0, le=1.0, strict=False)]
Positive = Annotated[int, Field(ge=1)]
Duration = Annotated[str, Field(pattern=r"^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$", min_length=2)]
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def duration_seconds(duration: str) -> float:
    """ "1h30m" -> 5400."""
    return float(sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"(\d+)([hms])", duration)))
