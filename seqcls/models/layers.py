"""Layers that know what is padding. Invariant between all of them: positions at or past a row's length are zero.

In: x (B, T, D) or (B, D, T) and lengths (B,). Out: the same with new lengths. Promise: a row's numbers depend neither
on how far the batch is padded nor on its neighbours (batch normalisation in training aside).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqcls.shapes import Bool, Float, Int, Num


def is_full(lengths: Int[Tensor, " B"], width: int) -> bool:
    """Whether no row is padded, so masks can be left out; asked on the CPU only: on a GPU the answer would wait."""
    return lengths.device.type == "cpu" and bool((lengths >= width).all())


def mask_of(lengths: Int[Tensor, " B"], width: int) -> Bool[Tensor, "B T"]:
    """(B,) -> (B, T): True at real positions."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def clear_padding(x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B T D"]:
    """x (B, T, D): zero past each row's length."""
    return x if is_full(lengths, x.shape[1]) else x * mask_of(lengths, x.shape[1])[:, :, None]


def reversal(lengths: Int[Tensor, " B"], width: int) -> Int[Tensor, "B T"]:
    """(B,) -> (B, T): where each position comes from when rows are reversed within their length; padding stays."""
    positions = torch.arange(width, device=lengths.device)
    back = lengths[:, None] - 1 - positions
    return torch.where(back >= 0, back, positions)


def reverse(x: Num[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Num[Tensor, "B T D"]:
    """x (B, T, D) read backwards, each row within its own length; its own inverse."""
    if is_full(lengths, x.shape[1]):
        return x.flip(1)
    return x.gather(1, reversal(lengths, x.shape[1])[:, :, None].expand_as(x))


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the real positions of a batch (Ioffe and Szegedy 2015).

    Deviation from the paper and from nn.BatchNorm1d: padding enters neither the mean nor the variance, so the
    statistics do not depend on how rows were put together. Without padding both are equal.
    """

    def __init__(self, width: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Float[Tensor, "B D T"], mask: Float[Tensor, "B 1 T"] | None) -> Float[Tensor, "B D T"]:
        """x (B, D, T), mask (B, 1, T) floats or None -> (B, D, T)."""
        if not self.training:
            mean, variance = self.running_mean, self.running_var
        else:
            x, mask = x.float(), None if mask is None else mask.float()  # bfloat16 counts no further than 256
            count = torch.tensor(float(x.shape[0] * x.shape[2])) if mask is None else mask.sum().clamp(min=1)
            mean = (x if mask is None else x * mask).sum((0, 2)) / count
            centred = x - mean[:, None]
            variance = (centred if mask is None else centred * mask).square().sum((0, 2)) / count
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.epsilon)
        return x * scale[:, None] + (self.bias - mean * scale)[:, None]
