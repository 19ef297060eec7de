"""LITE (Ismail-Fawaz et al. 2023): few learnt filters beside filters made by hand for rises, falls and peaks."""

from __future__ import annotations

from typing import Literal

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, NetworkFamily, Pooling


class LiteModel(NetworkFamily):
    """LITE (Ismail-Fawaz et al. 2023). A rise or a peak means nothing in numbers that stand for words or letters."""

    family: Literal["lite"] = "lite"
    filters: Positive = 32
    """Filters of each learned layer; the first also has 17 fixed filters."""
    kernel: Positive = 40
    """Positions that the longest filters cover; the others cover a half and a quarter of them."""
    pooling: Pooling = "mean"
    """How positions become one vector; padding never counts."""

    suits = frozenset({"values"})
    example = {"filters": 6, "kernel": 8}

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.lite import LiteBody

        body = LiteBody(width, self.filters, self.kernel)
        return Body(body, body.width, positions)
