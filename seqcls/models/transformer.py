"""Two families that end in self-attention: `transformer`, and `attention` behind a stem of convolutions.

In: (B, T, D) and lengths. Out: (B, T', D') and lengths. `transformer`: a small encoder for words, tokens and series
(Vaswani et al. 2017; pre-norm: Xiong et al. 2020). `attention`: convolutions find motifs and shorten the sequence
(Basset: Kelley et al. 2016; DanQ: Quang and Xie 2016), attention relates motifs to each other wherever they stand
(SATORI: Ullah and Ben-Hur 2021; Enformer: Avsec et al. 2021, from which come pooling before attention and positions
told by distance). Both strands are read by `encode.strand = "both"`, as for every family.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.config.model import AttentionModel, ModelConfig, TransformerModel
from seqcls.models.attention import AttentionBlocks
from seqcls.models.layers import clear_padding
from seqcls.models.network import InOrder, Network, make_convolutions


class ProjectedBlocks(nn.Module):
    """Vectors of any width are brought to the width of the blocks first."""

    def __init__(self, width: int, blocks: AttentionBlocks, dropout: float) -> None:
        super().__init__()
        self.project, self.blocks, self.dropout = nn.Linear(width, blocks.width), blocks, dropout
        self.width = blocks.width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D), (B,) -> (B, T, D'), (B,)."""
        x = clear_padding(F.dropout(self.project(x), self.dropout, self.training), lengths)
        x, lengths = self.blocks(x, lengths)
        return x, lengths


class TransformerNetwork(Network):
    """Attention over all positions from the first layer on."""

    def make_body(self, config: ModelConfig, width: int, positions: int) -> tuple[nn.Module, int, int]:
        assert isinstance(config, TransformerModel)
        blocks = AttentionBlocks(config.width, config.heads, config.depth, config.dropout, "rotary")
        return ProjectedBlocks(width, blocks, config.dropout), config.width, positions


class AttentionNetwork(Network):
    """Motifs by convolution, then attention between them."""

    def make_body(self, config: ModelConfig, width: int, positions: int) -> tuple[nn.Module, int, int]:
        assert isinstance(config, AttentionModel)
        motifs = make_convolutions(config, width)
        blocks = AttentionBlocks(config.width, config.heads, config.depth, config.dropout, "distance")
        related = ProjectedBlocks(motifs.width, blocks, config.dropout)
        return InOrder(motifs, related, 0.0), config.width, motifs.length_after(positions)
