"""Convolutions over padded sequences: (B, T, D), (B,) -> (B, T', D'), (B,). Padding stays zero and never counts."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.kernels.max_pooling import relu_and_pool
from seqcls.models.layers import MaskedBatchNorm, is_full, mask_of


class Convolutions(nn.Module):
    """Convolution, maybe batch normalisation, ReLU, max pooling; again for each entry of `filters`.

    Padding `same` keeps the length, `valid` shortens it by kernel - 1 (to one position at least). Pooling rounds
    lengths up, so the last positions of a row count; after ReLU zero is the smallest value, so cleared padding that
    wins a maximum changes nothing. Weights start by Kaiming's rule for ReLU (He et al. 2015, equation 10).
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
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return self._by_channel(x, lengths)
        for index, layer in enumerate(self.layers):
            if index and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            assert isinstance(layer, nn.Conv1d)
            x, lengths = self._convolve(layer, x), self._shorten(lengths)
            mask = None if is_full(lengths, x.shape[1]) else mask_of(lengths, x.shape[1])[:, :, None].to(x.dtype)
            if self.norms:
                x = self.norms[index](x.transpose(1, 2), None if mask is None else mask.transpose(1, 2)).transpose(1, 2)
            x = relu_and_pool(x if mask is None else x * mask, self.pool)
            lengths = torch.div(lengths + self.pool - 1, self.pool, rounding_mode="floor")
        return x, lengths

    def _by_channel(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The same in scoring, as OpenVINO is fast in it: its layers take (B, D, T), and each turn is a copy."""
        assert not self.training
        x = x.transpose(1, 2)
        for index, layer in enumerate(self.layers):
            x, lengths = layer(F.pad(x, self._around(x.shape[2]))), self._shorten(lengths)
            mask = None if is_full(lengths, x.shape[2]) else mask_of(lengths, x.shape[2])[:, None].to(x.dtype)
            if self.norms:
                x = self.norms[index](x, mask)
            x = F.relu(x) if mask is None else F.relu(x) * mask
            x = F.max_pool1d(x, self.pool, ceil_mode=True)
            lengths = torch.div(lengths + self.pool - 1, self.pool, rounding_mode="floor")
        return x.transpose(1, 2), lengths

    def _convolve(self, layer: nn.Conv1d, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T', D').

        As images of height 1: (B, T, D) is what torch calls channels last, which oneDNN convolves without turning
        anything around, twice as fast as `nn.Conv1d` (batch 32, 32 to 64 channels, with gradients, one core).
        """
        assert layer.bias is not None
        if x.shape[2] == 1:  # one channel has no last place: its windows times the filters are a plain product
            windows = self._pad(x)[:, :, 0].unfold(1, self.kernel, 1)  # (B, T', kernel)
            # Not F.linear: turned and copied, the filters' gradient is computed in the order that BLAS is fast in.
            filters = layer.weight[:, 0].t().contiguous()
            found = torch.addmm(layer.bias, windows.reshape(-1, self.kernel), filters)
            return found.view(*windows.shape[:2], -1)
        around = self.kernel // 2 if self.padding == "same" and self.kernel % 2 else 0
        image = (x if around else self._pad(x)).transpose(1, 2).unsqueeze(2)
        image = F.conv2d(image, layer.weight.unsqueeze(2), layer.bias, padding=(0, around))
        return image.squeeze(2).transpose(1, 2)

    def _pad(self, x: Tensor) -> Tensor:
        around = self._around(x.shape[1])
        return F.pad(x, (0, 0, *around)) if any(around) else x

    def _around(self, length: int) -> tuple[int, int]:
        """How many zeros come before and after `length` positions."""
        if self.padding == "same":
            return (self.kernel - 1) // 2, self.kernel // 2
        return 0, max(self.kernel - length, 0)

    def _shorten(self, lengths: Tensor) -> Tensor:
        if self.padding == "same":
            return lengths
        return torch.maximum(lengths - self.kernel + 1, lengths.clamp(max=1))
