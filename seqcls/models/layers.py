"""Layers that know what is padding. Invariant between all of them: positions at or past a row's length are zero.

In: x (B, T, D) or (B, D, T) and lengths (B,). Out: the same with new lengths. Promise: a row's numbers depend neither
on how far the batch is padded nor on its neighbours (batch normalisation in training aside).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.batches import Batch
from seqcls.encoders.base import PADDING, UNKNOWN
from seqcls.encoders.spec import InputSpec


def is_full(lengths: Tensor, width: int) -> bool:
    """Whether no row is padded, so masks can be left out; asked on the CPU only: on a GPU the answer would wait."""
    return lengths.device.type == "cpu" and bool((lengths >= width).all())


def mask_of(lengths: Tensor, width: int) -> Tensor:
    """(B,) -> (B, T): True at real positions."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def clear_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """x (B, T, D): zero past each row's length."""
    return x if is_full(lengths, x.shape[1]) else x * mask_of(lengths, x.shape[1])[:, :, None]


def reversal(lengths: Tensor, width: int) -> Tensor:
    """(B,) -> (B, T): where each position comes from when rows are reversed within their length; padding stays."""
    positions = torch.arange(width, device=lengths.device)
    back = lengths[:, None] - 1 - positions
    return torch.where(back >= 0, back, positions)


def reverse(x: Tensor, lengths: Tensor) -> Tensor:
    """x (B, T, D) read backwards, each row within its own length; its own inverse."""
    if is_full(lengths, x.shape[1]):
        return x.flip(1)
    return x.gather(1, reversal(lengths, x.shape[1])[:, :, None].expand_as(x))


class InputLayer(nn.Module):
    """Batch -> vectors (B, T, D). Tokens are embedded; series pass, with what is observed as further channels.

    With a composition (V, S) the vectors are shares of S symbol vectors, so an ambiguous letter such as R stands
    half way between A and G. Vectors start with deviation 1, as in torch: starting at 1 / sqrt(D) left a GRU on the
    simulated DNA at 0.75 after ten epochs, where 1 reached 0.95 (docs/simulated-data.md).
    """

    def __init__(self, inputs: InputSpec, width: int, dropout: float, word_dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout, self.word_dropout = dropout, word_dropout
        self.is_values = inputs.form == "values"
        self.embedding: nn.Embedding | None = None
        self.symbols: nn.Parameter | None = None
        self.width = inputs.channels * (2 if inputs.missing else 1) if self.is_values else width
        if self.is_values:
            return
        if inputs.composition is None:
            self.embedding = nn.Embedding(inputs.vocabulary, width, padding_idx=0)
        else:
            composition = torch.tensor(inputs.composition, dtype=torch.float32)  # (V, S)
            self.register_buffer("composition", composition, persistent=False)  # a fact of the encoder, not a weight
            self.symbols = nn.Parameter(torch.randn(composition.shape[1], width))

    def forward(self, batch: Batch) -> Tensor:
        x = self._vectors(batch)
        if self.training and self.dropout > 0:
            x = F.dropout(torch.ones_like(x[:, :, :1]), self.dropout) * x
        return x

    def _vectors(self, batch: Batch) -> Tensor:
        if self.is_values:
            assert batch.values is not None
            parts = [batch.values] if batch.observed is None else [batch.values, batch.observed.to(batch.values.dtype)]
            return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]
        assert batch.tokens is not None
        if self.embedding is not None:
            vectors: Tensor = self.embedding(self._some_unknown(batch.tokens))
            return vectors
        assert self.symbols is not None
        assert isinstance(self.composition, Tensor)
        return F.embedding(batch.tokens, self.composition @ self.symbols, padding_idx=0)

    def _some_unknown(self, tokens: Tensor) -> Tensor:
        """In training some words become the unknown one, so that it gets a meaning and no word carries all of it.

        Iyyer et al. 2015 drop the word; here its place stays, so that order and length do too.
        """
        if not self.training or self.word_dropout == 0:
            return tokens
        dropped = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
        return tokens.masked_fill(dropped & (tokens != PADDING), UNKNOWN)


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

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, D, T), mask (B, 1, T) floats or None -> (B, D, T)."""
        if not self.training:
            mean, variance = self.running_mean, self.running_var
        else:
            count = torch.tensor(float(x.shape[0] * x.shape[2])) if mask is None else mask.sum().clamp(min=1)
            mean = (x if mask is None else x * mask).sum((0, 2)) / count
            centred = x - mean[:, None]
            variance = (centred if mask is None else centred * mask).square().sum((0, 2)) / count
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.epsilon)
        return x * scale[:, None] + (self.bias - mean * scale)[:, None]
