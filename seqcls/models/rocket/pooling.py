"""From convolution outputs to features: shares of positive values, and three more for MultiRocket.

In: `Series` and `Kernels`. Out: features (B, F). Promise: only positions of the row count. Half of the kernels see the
row with zeros beyond its ends, the other half whole windows only (Dempster, Schmidt and Webb 2021, section 3.1.4);
where a row is too short for a whole window, they see it with zeros too. With z = output - threshold: PPV is the share
of positions with z > 0; MPV the mean of those z, MIPV the mean of their positions, LSPV the longest stretch of them
(Tan et al. 2022, equations 1 to 4). Deviation from the authors' code: it adds the threshold in MPV where the paper
subtracts it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqcls.models.rocket.input import Series
from seqcls.models.rocket.kernels import CENTRE, KERNELS, Kernels

POOLED = 4


def share_positive(series: Series, kernels: Kernels) -> Tensor:
    """(B, 84 * thresholds): PPV."""
    parts = []
    for index, dilation, thresholds in kernels.walk():
        outputs = kernels.convolve(series, index)
        features = outputs.new_empty(thresholds.shape[1], KERNELS, outputs.shape[2])
        for half in (0, 1):
            seen, counts, _ = _visible(outputs[half::2], series, dilation, whole_windows=(index + half) % 2 == 1)
            above = torch.empty_like(seen)  # of ones and zeros: written and added up four times as fast as of booleans
            for place in range(thresholds.shape[1]):
                torch.gt(seen, thresholds[half::2, place, None, None], out=above)
                features[place, half::2] = above.sum(1) / counts  # (42, T, B) -> (42, B)
        parts.append(features.flatten(0, 1))
    return torch.cat(parts).T[: series.rows]


def pool_four(series: Series, kernels: Kernels) -> Tensor:
    """(B, 4 * 84 * thresholds): PPV, MPV, MIPV, LSPV."""
    parts = []
    for index, dilation, thresholds in kernels.walk():
        outputs = kernels.convolve(series, index)
        features = outputs.new_empty(POOLED, thresholds.shape[1], KERNELS, outputs.shape[2])
        for half in (0, 1):
            seen, counts, times = _visible(outputs[half::2], series, dilation, whole_windows=(index + half) % 2 == 1)
            for place in range(thresholds.shape[1]):
                features[:, place, half::2] = _four(seen - thresholds[half::2, place, None, None], counts, times)
        parts.append(features.flatten(0, 2))
    return torch.cat(parts).T[: series.rows]


def _four(z: Tensor, counts: Tensor, times: Tensor) -> Tensor:
    """(42, T, B), (B,), (T, B) -> (4, 42, B)."""
    z = z.relu_()
    positive = z.sign()
    above = positive.sum(1)
    least = above.clamp(min=1)
    mean = z.sum(1) / least
    place = torch.where(above > 0, (positive * times).sum(1) / least, -1.0)
    return torch.stack([above / counts, mean, place, _longest_stretch(positive, times)])


def _longest_stretch(positive: Tensor, times: Tensor) -> Tensor:
    """(42, T, B) of 0 and 1 -> (42, B): time since the last position that is not positive, at its highest."""
    last = (times + 1) * (1 - positive)  # 0: none so far
    step, width = 1, positive.shape[1]
    while step < width:  # running maximum by doubling: log T passes over whole blocks
        last = torch.cat([last[:, :step], torch.maximum(last[:, step:], last[:, :-step])], dim=1)
        step *= 2
    return ((times + 1 - last) * positive).amax(1)


def _visible(outputs: Tensor, series: Series, dilation: int, whole_windows: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The outputs that count, how many (B,), and their positions (T, B) from the first that counts.

    All others are minus infinity, which is above no threshold.
    """
    width, reach = outputs.shape[1], CENTRE * dilation
    if not whole_windows or width <= 2 * reach:
        reach = 0
    times = torch.arange(width, device=outputs.device)[:, None]
    if series.full:
        seen = outputs[:, reach : width - reach]
        count = torch.full_like(series.lengths, width - 2 * reach)
        return seen, count, times[: width - 2 * reach].expand(-1, outputs.shape[2])
    begin = torch.where(series.lengths > 2 * reach, reach, 0)
    end = series.lengths - begin
    outside = (times < begin) | (times >= end)  # (T, B)
    seen = outputs + torch.zeros(outside.shape, device=outputs.device).masked_fill(outside, -math.inf)
    return seen, (end - begin).clamp(min=1), times - begin
