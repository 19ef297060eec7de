"""ResNet for series: Wang, Yan and Oates 2017, "Time series classification from scratch with deep neural networks".

In: (B, T, D) and lengths. Out: (B, T, D') and the same lengths. Three blocks of three convolutions (kernels 8, 5 and
3), each with batch normalisation and ReLU; the input of a block is added before its last ReLU (figure 1c). The paper
has 64, 128, 128 filters and pools by the mean. Deviation: padding is masked everywhere.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.filters import ChannelBody, Normed, SameConvolution
from seqcls.shapes import Float


class ResidualBlock(nn.Module):
    """Convolutions one after another, and a shortcut past them; a kernel of 1 fits the shortcut's width."""

    def __init__(self, width: int, filters: int, kernels: list[int]) -> None:
        super().__init__()
        widths = [width] + [filters] * len(kernels)
        self.layers = nn.ModuleList(
            Normed(SameConvolution(a, b, kernel), b) for (a, b), kernel in zip(pairwise(widths), kernels, strict=True)
        )
        self.shortcut = Normed(nn.Identity() if width == filters else SameConvolution(width, filters, 1), filters)

    def forward(self, x: Float[Tensor, "B D T"], mask: Float[Tensor, "B 1 T"] | None) -> Float[Tensor, "B D2 T"]:
        """(B, D, T), (B, 1, T) -> (B, D', T)."""
        past = self.shortcut(x, mask)
        *first, last = self.layers
        for layer in first:
            x = F.relu(layer(x, mask))
        return F.relu(last(x, mask) + past)


class ResidualBody(ChannelBody):
    """Blocks, one for each entry of `filters`."""

    def __init__(self, width: int, filters: list[int], kernels: list[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(a, b, kernels) for a, b in pairwise([width, *filters]))
        self.width = filters[-1]

    def layers_forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        return x
