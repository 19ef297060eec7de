"""From positions to one vector: (B, T, D), (B,) -> (B, D').

Padding never counts; a row without positions gives zeros.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.layers import is_full, mask_of
from seqcls.shapes import Float, Int


class Pooling(nn.Module):
    """What the poolings share; `width` is that of the vector."""

    width: int
    head_spread: ClassVar[float] = 0.5
    """Deviation that the weights of the classes start with, in units of 1 / sqrt(width)."""


class LastPooling(Pooling):
    """The last real position; of both directions, each where it has read the whole row."""

    def __init__(self, width: int, bidirectional: bool) -> None:
        super().__init__()
        self.width, self.bidirectional = width, bidirectional

    def forward(self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D2"]:
        if is_full(lengths, x.shape[1]):
            last = x[:, -1]
        else:
            index = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, x.shape[2])
            last = x.gather(1, index).squeeze(1)
        if not self.bidirectional:
            return last
        half = self.width // 2
        return torch.cat([last[:, :half], x[:, 0, half:]], dim=1)


class MeanPooling(Pooling):
    """The mean of the real positions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D2"]:
        return x.sum(1) / lengths.clamp(min=1)[:, None].to(x.dtype)


class MaxPooling(Pooling):
    """The largest real value of each unit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D2"]:
        if is_full(lengths, x.shape[1]):
            return x.amax(1)
        hidden = ~mask_of(lengths, x.shape[1])[:, :, None]
        return x.masked_fill(hidden, float("-inf")).amax(1).masked_fill((lengths == 0)[:, None], 0)


class AttentionPooling(Pooling):
    """A weighted mean; weights are the softmax of v . tanh(W x) (Lin et al. 2017, equations 5 and 6, one hop)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.keys = nn.Linear(width, width, bias=False)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D2"]:
        scores: Tensor = self.query(self.keys(x).tanh()).squeeze(2)  # (B, T)
        if not is_full(lengths, x.shape[1]):
            # A finite number: a row without positions gets equal weights on zeros instead of NaN.
            scores = scores.masked_fill(~mask_of(lengths, x.shape[1]), -1e9)
        vector: Tensor = (scores.softmax(1)[:, None] @ x).squeeze(1)
        return vector


class FlattenPooling(Pooling):
    """Every position side by side, up to those of the longest sequence; shorter rows end in zeros.

    By position, then by filter: the order in which they lie in memory, so that nothing is copied.
    """

    head_spread = 0.05

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        self.positions, self.width = positions, width * positions

    def forward(self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B D2"]:  # noqa: ARG002 - the padding is zero already
        if x.shape[1] != self.positions:
            x = F.pad(x, (0, 0, 0, self.positions - x.shape[1]))  # a negative number cuts
        return x.flatten(1)


def make_pooling(name: str, width: int, positions: int, bidirectional: bool) -> Pooling:
    """`positions` is the most that the layers before can give."""
    match name:
        case "last":
            return LastPooling(width, bidirectional)
        case "mean":
            return MeanPooling(width)
        case "max":
            return MaxPooling(width)
        case "attention":
            return AttentionPooling(width)
    assert name == "flatten", name
    return FlattenPooling(width, positions)
