"""Motifs by convolution, then attention between them, wherever they stand in the sequence.

Convolutions find motifs and shorten the sequence (Basset: Kelley et al. 2016; DanQ: Quang and Xie 2016); attention
relates motifs to each other (SATORI: Ullah and Ben-Hur 2021; Enformer: Avsec et al. 2021, from which come pooling
before attention and positions told by distance).
"""

from __future__ import annotations

from typing import Literal

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, Filters, Pooling
from seqcls.models.families.heads import WithHeads


class AttentionModel(WithHeads):
    """Convolutions, then attention (after Kelley et al. 2016, Ullah and Ben-Hur 2021, Avsec et al. 2021)."""

    family: Literal["attention"] = "attention"
    filters: Filters = [64]
    """Filters of each convolution before the attention, first to last."""
    kernel: Positive = 9
    """Positions that each filter covers."""
    pool: Positive = 4
    """Max pooling over this many positions after each convolution; 1: none."""
    padding: Literal["same", "valid"] = "same"
    """same: a convolution keeps the length; valid: whole windows only, kernel - 1 positions fewer."""
    normalise: Literal["none", "batch"] = "batch"
    """Batch normalisation after each convolution; padding does not count."""
    depth: Positive = 1
    """Blocks of attention and feed-forward layers."""
    pooling: Pooling = "attention"
    """How positions become one vector; padding never counts."""

    example = {"filters": [8], "kernel": 3, "pool": 2, "width": 8, "heads": 2, "depth": 2}

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.attention import AttentionBlocks, ProjectedBlocks
        from seqcls.models.convolution import Convolutions
        from seqcls.models.network import InOrder

        batch_norm = self.normalise == "batch"
        motifs = Convolutions(width, self.filters, self.kernel, self.pool, self.padding, batch_norm, self.dropout)
        blocks = AttentionBlocks(self.width, self.heads, self.depth, self.dropout, "distance")
        related = ProjectedBlocks(motifs.width, blocks, self.dropout)
        return Body(InOrder(motifs, related, 0.0), self.width, motifs.length_after(positions))
