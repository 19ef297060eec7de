"""Convolutions that keep the length, with batch normalisation: the bricks of ResNet, InceptionTime and LITE.

In: x (B, D, T) that is zero at padding, and which positions are real (B, 1, T). Out: (B, D', T), zero at padding
again. Promise: padding enters neither a window (it is zero, as beyond the ends of a row) nor the statistics.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.layers import MaskedBatchNorm, is_full, mask_of
from seqcls.shapes import Float, Int


class SameConvolution(nn.Module):
    """A convolution without bias, as many positions out as in; an even kernel looks one further to the right."""

    def __init__(self, width: int, filters: int, kernel: int, dilation: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.layer = nn.Conv1d(width, filters, kernel, dilation=dilation, groups=groups, bias=False)
        self.reach = (kernel - 1) * dilation
        nn.init.kaiming_normal_(self.layer.weight, nonlinearity="relu")

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B D2 T"]:
        """(B, D, T) -> (B, D', T)."""
        out: Tensor = self.layer(F.pad(x, (self.reach // 2, self.reach - self.reach // 2)))
        return out


class Normed(nn.Module):
    """A convolution (or any layer on (B, D, T)), then batch normalisation; zero at padding again."""

    def __init__(self, layer: nn.Module, filters: int) -> None:
        super().__init__()
        self.layer, self.norm = layer, MaskedBatchNorm(filters)

    def forward(self, x: Float[Tensor, "B D T"], mask: Float[Tensor, "B 1 T"] | None) -> Float[Tensor, "B D2 T"]:
        """(B, D, T), (B, 1, T) -> (B, D', T)."""
        return cleared(self.norm(self.layer(x), mask), mask)


class ChannelBody(nn.Module):
    """A body that works on (B, D, T); a family gives `layers_forward` and `width`."""

    width: int

    def layers_forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, D, T), (B, 1, T) floats or None where all is real -> (B, D', T), zero at padding."""
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T D2"], Int[Tensor, " B"]]:
        """(B, T, D), (B,) -> (B, T, D'), (B,)."""
        mask = None if is_full(lengths, x.shape[1]) else mask_of(lengths, x.shape[1])[:, None].to(x.dtype)
        return self.layers_forward(x.transpose(1, 2), mask).transpose(1, 2), lengths


def cleared(x: Float[Tensor, "B D T"], mask: Float[Tensor, "B 1 T"] | None) -> Float[Tensor, "B D T"]:
    """x (B, D, T), zero where the mask is."""
    return x if mask is None else x * mask
