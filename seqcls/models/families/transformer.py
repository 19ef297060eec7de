"""A small encoder for words, tokens and series: attention over all positions from the first layer on."""

from __future__ import annotations

from typing import Literal

from seqcls.models.families.base import Body, Pooling
from seqcls.models.families.heads import WithHeads


class TransformerModel(WithHeads):
    """A small pre-norm encoder (Vaswani et al. 2017, Xiong et al. 2020)."""

    family: Literal["transformer"] = "transformer"
    pooling: Pooling = "mean"
    """How positions become one vector; padding never counts."""

    example = {"width": 8, "heads": 2}

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.attention import AttentionBlocks, ProjectedBlocks

        blocks = AttentionBlocks(self.width, self.heads, self.depth, self.dropout, "rotary")
        return Body(ProjectedBlocks(width, blocks, self.dropout), self.width, positions)
