"""InceptionTime (Fawaz et al. 2020): filters of three lengths side by side, with shortcuts."""

from __future__ import annotations

from typing import Literal

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, NetworkFamily, Pooling


class InceptionModel(NetworkFamily):
    """InceptionTime (Fawaz et al. 2020)."""

    family: Literal["inception"] = "inception"
    filters: Positive = 32
    """Filters of each of the four branches of a module."""
    kernel: Positive = 40
    """Positions that the longest filters cover; the others cover a half and a quarter of them."""
    depth: Positive = 6
    """Modules; every three have a residual connection."""
    pooling: Pooling = "mean"
    """How positions become one vector; padding never counts."""

    example = {"filters": 4, "kernel": 6, "depth": 4}

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.inception import InceptionBody

        body = InceptionBody(width, self.filters, self.kernel, self.depth)
        return Body(body, body.width, positions)
