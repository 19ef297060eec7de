"""The settings of families that end in self-attention."""

from __future__ import annotations

from pydantic import model_validator

from seqcls.config.base import Positive
from seqcls.models.families.base import NetworkFamily


class WithHeads(NetworkFamily):
    width: Positive = 64
    """Size of the attention vectors, all heads together."""
    heads: Positive = 4
    """Attention heads."""
    depth: Positive = 2
    """Blocks of attention and feed-forward layers."""

    @model_validator(mode="after")
    def _heads_are_even_parts(self) -> WithHeads:
        step = 2 * self.heads  # positions turn pairs of numbers within a head
        if self.width % step:
            near = -(-self.width // step) * step
            raise ValueError(f"width {self.width} is no multiple of 2 * heads; set width = {near}, or other heads")
        return self
