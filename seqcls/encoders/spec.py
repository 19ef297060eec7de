"""What a network must take: the border between the data side and torch, as plain numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class InputSpec(BaseModel):
    """`form` tokens: indices (B, T), 0 is padding. `form` values: floats (B, T, C), NaN is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["tokens", "values"]
    max_length: int
    """Most positions of an encoded sequence."""
    vocabulary: int = 0
    """V, number of indices, padding included (tokens)."""
    composition: tuple[tuple[float, ...], ...] | None = None
    """(V, S): each index as shares of S symbols, rows sum to 1 (padding: 0). R = half A, half G."""
    complement: tuple[int, ...] | None = None
    """(V,): index of the complementary base; given when both strands are read."""
    channels: int = 0
    """C, differences included (values)."""
    missing: bool = False
    """Whether the training series had missing values: then the network also sees which are observed."""
