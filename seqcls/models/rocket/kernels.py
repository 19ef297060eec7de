"""The 84 kernels of MiniRocket: their dilations, thresholds and convolutions (Dempster, Schmidt and Webb 2021).

In: `Series`. Out: convolution outputs (84, T, B), dilation by dilation, and thresholds that lie among them.
A kernel has nine weights, -1 but for three that are 2, and all 84 choices of those three are used; so a convolution is
alpha + gamma[a] + gamma[b] + gamma[c], where alpha = -(sum of the nine shifted series) and gamma = 3 * one of them
(section 3.2.1), and additions are all it takes: a row's numbers are the same bits however the rows are put together.
Several channels: each kernel and dilation adds up channels of its own, as in the authors' multivariate code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.rocket.input import Series

LENGTH = 9
CENTRE = LENGTH // 2
TRIPLES = list(combinations(range(LENGTH), 3))
KERNELS = len(TRIPLES)
MOST_DILATIONS = 32
MOST_CHANNELS = 9
"""Most channels that one kernel adds up (the authors' multivariate code)."""


def spread_dilations(length: int, thresholds: int) -> list[tuple[int, int]]:
    """(dilation, thresholds of each kernel at it): from 1 to the widest that fits, even on a log scale (section 3.1.3).

    `length` is the longest series; the counts add up to `thresholds`.
    """
    steps = min(thresholds, MOST_DILATIONS)
    widest = math.log2(max(length - 1, LENGTH - 1) / (LENGTH - 1))
    dilations, counts = np.unique(np.logspace(0, widest, steps, base=2).astype(np.int64), return_counts=True)
    counts = (counts * (thresholds / steps)).astype(np.int64)
    counts[: thresholds - counts.sum()] += 1  # what rounding down left over; fewer than there are dilations
    return [(int(dilation), int(count)) for dilation, count in zip(dilations, counts, strict=True)]


class Kernels(nn.Module):
    """The 84 kernels at each dilation, with channels drawn at random and thresholds drawn from training rows."""

    def __init__(self, channels: int, length: int, thresholds: int) -> None:
        super().__init__()
        self.plan = spread_dilations(length, thresholds)
        self.thresholds: Tensor
        self.chosen: Tensor
        self.register_buffer("thresholds", torch.zeros(KERNELS, thresholds))
        several = min(channels, MOST_CHANNELS) if channels > 1 else 0
        self.register_buffer("chosen", torch.zeros(len(self.plan), KERNELS, several, dtype=torch.int64))

    def draw_channels(self, channels: int, random: np.random.Generator) -> None:
        """Between 1 and 9 channels a kernel and dilation, few being likelier; one past the last stands for none."""
        most = self.chosen.shape[2]
        if not most:
            return
        chosen = np.full(self.chosen.shape, channels)
        sizes = (2 ** random.uniform(0, math.log2(most + 1), chosen.shape[:2])).astype(np.int64)
        for place, size in np.ndenumerate(sizes):
            chosen[place][:size] = random.choice(channels, size, replace=False)
        self.chosen.copy_(torch.from_numpy(chosen))

    def draw_thresholds(self, sample: list[Series]) -> None:
        """Quantiles of the convolution of one training row each, in the order of the golden ratio (section 3.1.2).

        `sample[i]` holds the rows of dilation i, row k for kernel k.
        """
        golden = (np.arange(1, self.thresholds.numel() + 1) * ((math.sqrt(5) + 1) / 2)) % 1
        start = 0
        for index, (series, (_, count)) in enumerate(zip(sample, self.plan, strict=True)):
            shares = golden[start * KERNELS : (start + count) * KERNELS].reshape(KERNELS, count)
            own = _convolve_each(self._own_row(series, index), self.plan[index][0])[..., 0]  # (84, T)
            self.thresholds[:, start : start + count] = _quantiles(
                own, series.lengths[:KERNELS], torch.from_numpy(shares).to(own.device)
            )
            start += count

    def _own_row(self, series: Series, index: int) -> Tensor:
        """(C, T, B) -> (84, T, 1): row k as kernel k reads it."""
        if not self.chosen.shape[2]:
            return series.x[0].T[:KERNELS, :, None].contiguous()
        channels = F.pad(series.x, (0, 0, 0, 0, 0, 1))  # one more, of zeros: that of "none"
        rows = torch.arange(KERNELS, device=channels.device)[:, None]
        parts = channels.permute(0, 2, 1)[self.chosen[index], rows]  # (84, S, T)
        return parts.sum(1)[..., None]

    def walk(self) -> Iterator[tuple[int, int, Tensor]]:
        """Index of a dilation, the dilation, and its thresholds (84, count)."""
        start = 0
        for index, (dilation, count) in enumerate(self.plan):
            yield index, dilation, self.thresholds[:, start : start + count]
            start += count

    def convolve(self, series: Series, index: int) -> Tensor:
        """(C, T, B) -> (84, T, B) of one dilation, zeros beyond both ends of a row."""
        dilation = self.plan[index][0]
        if self.chosen.shape[2]:
            return _convolve_each(_mix(series.x, self.chosen[index]), dilation)
        return _convolve_one(series.x[0], dilation)


def _taps(x: Tensor, dilation: int) -> list[Tensor]:
    """(..., T, B) -> nine views of it, shifted by -4 to 4 dilations, zeros coming in."""
    width, reach = x.shape[-2], CENTRE * dilation
    padded = F.pad(x, (0, 0, reach, reach))
    return [padded[..., tap * dilation : tap * dilation + width, :] for tap in range(LENGTH)]


def _negative_sum(taps: list[Tensor]) -> Tensor:
    total = -taps[0]
    for tap in taps[1:]:
        total -= tap
    return total


def _convolve_one(x: Tensor, dilation: int) -> Tensor:
    """(T, B) -> (84, T, B): kernels that share their first two places share a sum."""
    taps = _taps(x, dilation)
    alpha, gamma = _negative_sum(taps), torch.stack(taps) * 3  # (T, B), (9, T, B)
    outputs = x.new_empty(KERNELS, *x.shape)
    start = 0
    for first, second in combinations(range(LENGTH - 1), 2):
        thirds = gamma[second + 1 :]
        torch.add(alpha + gamma[first] + gamma[second], thirds, out=outputs[start : start + len(thirds)])
        start += len(thirds)
    return outputs


def _convolve_each(x: Tensor, dilation: int) -> Tensor:
    """(84, T, B), a series of its own for each kernel -> (84, T, B)."""
    outputs, gamma = _negative_sum(_taps(x, dilation)), _taps(x * 3, dilation)
    for kernel, triple in enumerate(TRIPLES):
        for tap in triple:
            outputs[kernel] += gamma[tap][kernel]
    return outputs


def _mix(x: Tensor, chosen: Tensor) -> Tensor:
    """(C, T, B), (84, S) -> (84, T, B): the sum of each kernel's channels, in the order in which they were drawn."""
    mixed = x.new_empty(KERNELS, *x.shape[1:])
    for kernel, channels in enumerate(chosen.tolist()):
        first, *others = [channel for channel in channels if channel < len(x)]
        mixed[kernel] = x[first]
        for channel in others:
            mixed[kernel] += x[channel]
    return mixed


def _quantiles(outputs: Tensor, lengths: Tensor, shares: Tensor) -> Tensor:
    """(R, T) up to each row's length, (R, n) shares -> (R, n), on straight lines between the sorted values."""
    inside = torch.arange(outputs.shape[1], device=outputs.device) < lengths[:, None]
    ordered = outputs.masked_fill(~inside, math.inf).sort(1).values.double()
    places = shares * (lengths[:, None] - 1).clamp(min=0)
    below = places.floor().long()
    above = torch.minimum(below + 1, (lengths[:, None] - 1).clamp(min=0))
    low, high = ordered.gather(1, below), ordered.gather(1, above)
    found = low + (high - low) * (places - below)
    return torch.where(lengths[:, None] > 0, found, 0.0).float()
