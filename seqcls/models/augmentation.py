"""Series that are changed a little each time training reads them, so that few rows teach more.

In: values (B, T, C), zero where missing or padding, what is observed (B, T, C) or None, lengths (B,). Out: the same.
Promise: lengths stay; padding and what is missing stay zero; each row draws numbers of its own from torch's generator.
Jitter, scaling and time warping: Um et al. 2017, "Data augmentation of wearable sensor data for Parkinson's disease
monitoring using convolutional neural networks"; surveyed by Iwana and Uchida 2021. Here the warp is piecewise linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqcls.models.layers import mask_of

SEGMENTS = 4
"""Parts of a series that time passes at a speed of its own in."""


@dataclass(frozen=True)
class Augmentation:
    """How far series are changed; 0 leaves them as they are and draws nothing."""

    jitter: float
    scaling: float
    time_warp: float

    def __bool__(self) -> bool:
        return any((self.jitter, self.scaling, self.time_warp))

    def __call__(self, values: Tensor, observed: Tensor | None, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """Warped in time, then scaled, then with noise."""
        if self.time_warp:
            values, observed = warp_time(values, observed, lengths, self.time_warp)
        if self.scaling:
            values = values * (1 + self.scaling * torch.randn_like(values[:, :1]))
        if self.jitter:
            values = values + self.jitter * torch.randn_like(values)
        there = mask_of(lengths, values.shape[1])[:, :, None] if observed is None else observed
        return values * there, observed


def warp_time(
    values: Tensor, observed: Tensor | None, lengths: Tensor, strength: float
) -> tuple[Tensor, Tensor | None]:
    """Each row read at changing speed, from its first to its last position.

    The speed of each segment is exp(strength * N(0, 1)), scaled so that the ends stay. Between two positions values
    are interpolated; where one of the two is missing the other counts alone, and the nearer one says what is observed.
    """
    last = (lengths - 1).clamp(min=0)[:, None]  # (B, 1)
    source = _source_positions(last, values.shape[1], strength)  # (B, T)
    before = source.floor().long()
    after = torch.minimum(before + 1, last)
    share = (source - before)[:, :, None]
    left, right = _take(values, before), _take(values, after)
    if observed is None:
        return torch.lerp(left, right, share), None
    left_there, right_there = _take(observed, before), _take(observed, after)
    left_weight, right_weight = (1 - share) * left_there, share * right_there
    warped = (left_weight * left + right_weight * right) / (left_weight + right_weight).clamp(min=1e-6)
    seen = torch.where(share < 0.5, left_there, right_there) & mask_of(lengths, values.shape[1])[:, :, None]
    return warped, seen


def _source_positions(last: Tensor, width: int, strength: float) -> Tensor:
    """(B, 1) -> (B, T): where each position is read from, rising from 0 to the last one."""
    speeds = torch.exp(strength * torch.randn(len(last), SEGMENTS, device=last.device))
    edges = torch.cat([torch.zeros_like(speeds[:, :1]), speeds.cumsum(1)], dim=1)
    edges = edges / edges[:, -1:]  # (B, SEGMENTS + 1), from 0 to 1
    passed = (torch.arange(width, device=last.device) / last.clamp(min=1)).clamp(max=1) * SEGMENTS  # (B, T)
    segment = passed.floor().clamp(max=SEGMENTS - 1).long()
    start, end = edges.gather(1, segment), edges.gather(1, segment + 1)
    return torch.minimum((start + (end - start) * (passed - segment)) * last, last)


def _take(part: Tensor, positions: Tensor) -> Tensor:
    """part (B, T, C), positions (B, T) -> (B, T, C)."""
    return part.gather(1, positions[:, :, None].expand(-1, -1, part.shape[2]))
