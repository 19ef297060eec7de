"""Convolutions over padded sequences: (B, T, D), (B,) -> (B, T', D'), (B,). Padding stays zero and never counts."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.layers import MaskedBatchNorm, is_full, mask_of


class Convolutions(nn.Module):
    """Convolution, maybe batch normalisation, ReLU, max pooling; again for each entry of `filters`.

    Padding `same` keeps the length, `valid` shortens it by kernel - 1 (to one position at least). Pooling rounds
    lengths up, so the last positions of a row count; after ReLU zero is the smallest value, so that cleared padding
    never wins a maximum. Weights start by Kaiming's rule for ReLU (He et al. 2015, equation 10).
    """

    def __init__(
        self, width: int, filters: list[int], kernel: int, pool: int, padding: str, normalise: bool, dropout: float
    ) -> None:
        super().__init__()
        widths = [width, *filters]
        self.layers = nn.ModuleList(nn.Conv1d(a, b, kernel) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(MaskedBatchNorm(b) for b in filters if normalise)
        self.kernel, self.pool, self.padding, self.dropout = kernel, pool, padding, dropout
        self.width = filters[-1]
        for layer in self.layers:
            assert isinstance(layer, nn.Conv1d)
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def length_after(self, length: int) -> int:
        """Positions that `length` positions become."""
        for _ in self.layers:
            length = -(-self._after_kernel(length) // self.pool)
        return length

    def _after_kernel(self, length: int) -> int:
        return length if self.padding == "same" else max(length - self.kernel + 1, min(length, 1))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D), (B,) -> (B, T', D'), (B,)."""
        x = x.transpose(1, 2)
        for index, layer in enumerate(self.layers):
            if index and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x, lengths = layer(self._pad(x)), self._shorten(lengths)
            mask = None if is_full(lengths, x.shape[2]) else mask_of(lengths, x.shape[2])[:, None].to(x.dtype)
            if self.norms:
                x = self.norms[index](x, mask)
            x = F.relu(x)
            x = x if mask is None else x * mask
            if self.pool > 1:
                x = F.max_pool1d(x, self.pool, ceil_mode=True)
                lengths = torch.div(lengths + self.pool - 1, self.pool, rounding_mode="floor")
        return x.transpose(1, 2), lengths

    def _pad(self, x: Tensor) -> Tensor:
        if self.padding == "same":
            return F.pad(x, ((self.kernel - 1) // 2, self.kernel // 2))
        return F.pad(x, (0, max(self.kernel - x.shape[2], 0)))

    def _shorten(self, lengths: Tensor) -> Tensor:
        if self.padding == "same":
            return lengths
        return torch.maximum(lengths - self.kernel + 1, lengths.clamp(max=1))
