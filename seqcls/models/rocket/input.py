"""What random convolutions read: series with their gaps filled, time first, rows innermost.

In: `Batch` of values. Out: `Series`, x (C, T, B) and lengths. Promise: a row's numbers depend on that row alone.
Time first, because a shift by a dilation is then a slice, a threshold belongs to whole blocks, and sums over time run
over whole vectors of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seqcls.data.batch import Batch

LANES = 8  # rows come in eights: a processor works on so many numbers at once


@dataclass(frozen=True)
class Series:
    """Rows side by side; `rows` of them are real, the others fill the last eight."""

    x: Tensor
    """(C, T, B), zero past a row's end."""
    lengths: Tensor
    """(B,)"""
    rows: int

    @property
    def full(self) -> bool:
        """Whether no row is padded: then masks are left out (and slices take their place)."""
        return bool((self.lengths[: self.rows] == self.x.shape[1]).all())

    def pieces(self, size: int) -> Iterator[Series]:
        """At most `size` rows each, a multiple of eight."""
        for start in range(0, max(self.rows, 1), size):
            part = self.x[:, :, start : start + size].contiguous()
            yield Series(part, self.lengths[start : start + size], min(self.rows - start, size))

    def differences(self) -> Series:
        """x[t + 1] - x[t], one position shorter (MultiRocket and Hydra look at both)."""
        lengths = (self.lengths - 1).clamp(min=0)
        steps = self.x[:, 1:] - self.x[:, :-1]
        if steps.shape[1] == 0:
            steps = torch.zeros_like(self.x[:, :1])
        inside = torch.arange(steps.shape[1], device=steps.device)[:, None] < lengths
        return Series(steps * inside, lengths, self.rows)


def read_series(batch: Batch) -> Series:
    """Batch -> (B, T, C) without gaps -> (C, T, B), rows made up to a multiple of eight."""
    assert batch.values is not None
    values = batch.values if batch.observed is None else fill_gaps(batch.values, batch.observed, batch.lengths)
    rows = len(values)
    more = -rows % LANES
    x = F.pad(values.permute(2, 1, 0), (0, more)).contiguous()  # (B, T, C) -> (C, T, B)
    return Series(x, F.pad(batch.lengths, (0, more)), rows)


def fill_gaps(values: Tensor, observed: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, C): missing values on the straight line between their neighbours; at the ends, the nearest value.

    A channel without any value becomes zeros; padding stays zero.
    """
    width = values.shape[1]
    times = torch.arange(width, device=values.device)[None, :, None].expand(values.shape)
    before = torch.where(observed, times, -1).cummax(1).values
    after = torch.where(observed, times, width).flip(1).cummin(1).values.flip(1)
    left = torch.where(before >= 0, before, after).clamp(max=width - 1)
    right = torch.where(after < width, after, left)
    start, end = values.gather(1, left), values.gather(1, right)
    share = (times - left) / (right - left).clamp(min=1)
    filled = torch.where(right > left, start + (end - start) * share, start)
    inside = times < lengths[:, None, None]
    return torch.where(observed, values, filled) * inside
