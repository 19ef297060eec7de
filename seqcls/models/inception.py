"""InceptionTime's network: Fawaz et al. 2020, "InceptionTime: finding AlexNet for time series classification".

In: (B, T, D) and lengths. Out: (B, T, 4 * filters) and the same lengths. A module reads the sequence through filters
of three lengths (40, 20, 10) and past a maximum of three positions, side by side (figure 2); after every third module
the input of the three is added (figure 1). The paper averages five such networks: `model.members = 5`.
Deviation: padding is masked everywhere.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.filters import ChannelBody, Normed, SameConvolution, cleared
from seqcls.models.layers import MaskedBatchNorm
from seqcls.shapes import Float

MODULES_IN_BLOCK = 3  # figure 1: a shortcut passes three modules
BRANCHES = 4


class InceptionModule(nn.Module):
    """Bottleneck, filters of three lengths, pooling branch, side by side; batch normalisation, not yet ReLU."""

    def __init__(self, width: int, filters: int, kernel: int) -> None:
        super().__init__()
        self.bottleneck = SameConvolution(width, filters, 1) if width > 1 else None
        lengths = [max(kernel // 2**step, 1) for step in range(BRANCHES - 1)]
        narrow = width if self.bottleneck is None else filters
        self.branches = nn.ModuleList(SameConvolution(narrow, filters, length) for length in lengths)
        self.pooled = SameConvolution(width, filters, 1)
        self.norm = MaskedBatchNorm(BRANCHES * filters)

    def forward(self, x: Float[Tensor, "B D T"], mask: Float[Tensor, "B 1 T"] | None) -> Float[Tensor, "B D2 T"]:
        """(B, D, T), (B, 1, T) -> (B, 4 * filters, T)."""
        narrow = x if self.bottleneck is None else self.bottleneck(x)
        parts = [branch(narrow) for branch in self.branches] + [self.pooled(largest_of_three(x, mask))]
        return cleared(self.norm(torch.cat(parts, dim=1), mask), mask)


def largest_of_three(x: Tensor, mask: Tensor | None) -> Tensor:
    """x (B, D, T): each position's maximum with its neighbours; padding never wins, beyond the ends nothing stands."""
    if mask is None:
        return F.max_pool1d(x, 3, stride=1, padding=1)
    hidden = mask == 0
    return F.max_pool1d(x.masked_fill(hidden, float("-inf")), 3, stride=1, padding=1).masked_fill(hidden, 0)


class InceptionBody(ChannelBody):
    """`depth` modules, ReLU after each, a shortcut past every three of them."""

    def __init__(self, width: int, filters: int, kernel: int, depth: int) -> None:
        super().__init__()
        self.width = BRANCHES * filters
        widths = [width] + [self.width] * (depth - 1)
        self.modules_ = nn.ModuleList(InceptionModule(before, filters, kernel) for before in widths)
        starts = range(0, depth - MODULES_IN_BLOCK + 1, MODULES_IN_BLOCK)
        self.shortcuts = nn.ModuleList(Normed(SameConvolution(widths[s], self.width, 1), self.width) for s in starts)

    def layers_forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        past = x
        for number, module in enumerate(self.modules_, start=1):
            x = F.relu(module(x, mask))
            if number % MODULES_IN_BLOCK == 0:
                x = past = F.relu(x + self.shortcuts[number // MODULES_IN_BLOCK - 1](past, mask))
        return x
