"""What every section of a pipeline file shares: frozen, typed, unknown keys refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """One table of the TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


Share = Annotated[float, Field(ge=0.0, le=1.0, strict=False)]
Positive = Annotated[int, Field(ge=1)]
