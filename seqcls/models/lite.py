"""LITE: Ismail-Fawaz et al. 2023, "LITE: light inception with boosting techniques for time series classification".

In: (B, T, C) and lengths. Out: (B, T, filters) and the same lengths. The first layer has learnt filters of three
lengths beside filters made by hand, which answer to a rise, a fall and a peak (lengths and shapes: classifiers/lite.py
of the authors' MSD-IRIMAS/LITE); two separable convolutions with dilation 2 and 4 follow. 2 % of the weights of
InceptionTime. The paper averages five: `model.members = 5`. Deviation: padding is masked everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.filters import ChannelBody, Normed, SameConvolution, cleared
from seqcls.models.layers import MaskedBatchNorm

TREND_LENGTHS = (2, 4, 8, 16, 32, 64)
PEAK_LENGTHS = (4, 8, 16, 32, 64)


def rise(length: int) -> list[float]:
    """-1, 1, -1, 1, ...: large where the values rise from one point to the next; negated: where they fall."""
    return [1.0 if index % 2 else -1.0 for index in range(length)]


def peak(length: int) -> list[float]:
    """A valley, a peak twice as high, a valley, each of parabolas: length * 3 / 2 points, their sum is 0."""
    left = np.linspace(0, 1, length // 4 + 1)[1:] ** 2
    hill = np.concatenate([left, left[::-1]])
    shape: list[float] = np.concatenate([-hill, 2 * hill, -hill]).tolist()
    return shape


class HandMadeFilters(nn.Module):
    """Fixed filters, summed over the channels; buffers, not weights, since they follow from this file."""

    def __init__(self) -> None:
        super().__init__()
        trends = [[sign * value for value in rise(length)] for length in TREND_LENGTHS for sign in (1, -1)]
        self.shapes = [*trends, *(peak(length) for length in PEAK_LENGTHS)]
        self.width = len(self.shapes)
        for number, shape in enumerate(self.shapes):
            self.register_buffer(f"filter_{number}", torch.tensor(shape)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, 17, T), at least 0."""
        total = x.sum(1, keepdim=True)  # the same filter on every channel: the sum may be taken first
        found = []
        for number, shape in enumerate(self.shapes):
            sides = (len(shape) - 1) // 2, len(shape) // 2
            found.append(F.conv1d(F.pad(total, sides), self.get_buffer(f"filter_{number}")))
        return F.relu(torch.cat(found, dim=1))


class Separable(nn.Module):
    """A filter a channel, then a kernel of 1 across channels."""

    def __init__(self, width: int, filters: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.along = SameConvolution(width, width, kernel, dilation, groups=width)
        self.across = SameConvolution(width, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, T) -> (B, filters, T)."""
        out: Tensor = self.across(self.along(x))
        return out


class LiteBody(ChannelBody):
    """Learnt and hand-made filters side by side, then two separable convolutions of growing dilation."""

    def __init__(self, width: int, filters: int, kernel: int) -> None:
        super().__init__()
        self.by_hand = HandMadeFilters()
        self.branches = nn.ModuleList(SameConvolution(width, filters, max(kernel // 2**step, 1)) for step in range(3))
        first = 3 * filters + self.by_hand.width
        self.norm = MaskedBatchNorm(first)
        self.layers = nn.ModuleList(
            Normed(Separable(before, filters, max(kernel // 2**step, 1), dilation=2**step), filters)
            for step, before in ((1, first), (2, filters))
        )
        self.width = filters

    def layers_forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        parts = [branch(x) for branch in self.branches] + [self.by_hand(x)]
        x = cleared(F.relu(self.norm(torch.cat(parts, dim=1), mask)), mask)
        for layer in self.layers:
            x = F.relu(layer(x, mask))
        return x
