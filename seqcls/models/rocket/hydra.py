"""Hydra: groups of random kernels compete for each position (Dempster, Schmidt and Webb 2023).

In: `Series`. Out: how often, and by how much, each kernel wins (B, F). Half of the groups see the series, half its
differences. Kernels are nine normal numbers, centred, of absolute sum 1; dilations are powers of two. A kernel's
first feature is the sum of its outputs where they are the largest of its group, its second counts where they are the
smallest (section 3.1; "soft" and "hard"). Only positions of the row count. Deviation: where outputs are equal (a
constant stretch) every one of them wins, not the first, so that rounding in the last bit decides nothing.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.rocket.input import Series
from seqcls.models.rocket.kernels import CENTRE, LENGTH

MOST_CHANNELS = 8
"""Most channels that one group adds up (the authors' multivariate code)."""


class Hydra(nn.Module):
    """`groups` of `kernels` at each dilation; half of the groups for the differences."""

    def __init__(self, channels: int, length: int, groups: int, kernels: int) -> None:
        super().__init__()
        widest = math.log2(max(length - 1, LENGTH - 1) / (LENGTH - 1))
        self.dilations = [2**exponent for exponent in range(int(widest) + 1)]
        self.groups = groups // 2
        self.weights: Tensor
        self.chosen: Tensor
        shape = (len(self.dilations), 2, self.groups)
        self.register_buffer("weights", torch.zeros((*shape, kernels, LENGTH)))
        several = min(max(channels // 2, 2), MOST_CHANNELS) if channels > 1 else 0
        self.register_buffer("chosen", torch.zeros((*shape, several), dtype=torch.int64))
        self.features = self.weights.numel() // LENGTH * 2

    def draw(self, channels: int, random: np.random.Generator) -> None:
        """Kernels, and the channels (drawn with replacement) that each group adds up."""
        weights = random.standard_normal(tuple(self.weights.shape))
        weights -= weights.mean(-1, keepdims=True)
        weights /= np.abs(weights).sum(-1, keepdims=True)
        self.weights.copy_(torch.from_numpy(weights))
        self.chosen.copy_(torch.from_numpy(random.integers(0, channels, tuple(self.chosen.shape))))

    def forward(self, series: Series) -> Tensor:
        """(B, F), F = dilations * 2 * groups / 2 * kernels * 2."""
        both = series, series.differences()
        parts = [
            _compete(part, self.chosen[place, side], self.weights[place, side], dilation)
            for place, dilation in enumerate(self.dilations)
            for side, part in enumerate(both)
        ]
        return torch.cat(parts).T[: series.rows]


def _compete(series: Series, chosen: Tensor, weights: Tensor, dilation: int) -> Tensor:
    """(C, T, B) -> (2 * groups * kernels, B)."""
    groups, kernels, _ = weights.shape
    x = series.x[chosen].sum(1) if chosen.shape[1] else series.x  # (G, T, B), or (1, T, B) for all groups
    width, reach = x.shape[1], CENTRE * dilation
    padded = F.pad(x, (0, 0, reach, reach))
    taps = torch.stack([padded[:, tap * dilation : tap * dilation + width] for tap in range(LENGTH)], dim=1)
    outputs = torch.matmul(weights.reshape(len(x), -1, LENGTH), taps.flatten(2))  # (G, K, 9) @ (G, 9, T * B)
    outputs = outputs.reshape(groups, kernels, width, -1)
    inside = torch.arange(width, device=x.device)[:, None] < series.lengths  # (T, B)
    most, least = outputs.amax(1, keepdim=True), outputs.amin(1, keepdim=True)
    won = (outputs * ((outputs == most) & inside)).sum(2)  # (G, K, B)
    lost = ((outputs == least) & inside).sum(2, dtype=outputs.dtype)
    return torch.cat([won.flatten(0, 1), lost.flatten(0, 1)])
