"""Self-attention over padded sequences, in pre-norm blocks: (B, T, D), (B,) -> (B, T, D), (B,).

Attention: Vaswani et al. 2017, equation 1; layer normalisation before each part, so that no warm-up is needed: Xiong
et al. 2020, figure 1b. Where a position stands is told by turning queries and keys ("rotary": Su et al. 2021,
equation 34) or by a learnt number for each distance ("distance": Shaw et al. 2018, as a bias as in Raffel et al. 2020).
Promise: neither knows a longest sequence; padding is never looked at; a row without positions gives zeros.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.models.layers import clear_padding, is_full, mask_of

Positions = Literal["rotary", "distance"]
FARTHEST = 64  # "distance": positions further apart than this share a number
ROTARY_BASE = 10_000.0  # Su et al. 2021, section 3.2.2, after Vaswani et al. 2017
UNSEEN = -1e9  # a finite number: a row without positions looks at all equally instead of at NaN


class AttentionBlocks(nn.Module):
    """Blocks of attention and feed-forward layers, and the normalisation that pre-norm needs at the end."""

    def __init__(self, width: int, heads: int, depth: int, dropout: float, positions: Positions) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AttentionBlock(width, heads, dropout, positions) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.width = width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D), (B,) -> (B, T, D), (B,)."""
        hidden = None
        if not is_full(lengths, x.shape[1]):
            seen = mask_of(lengths, x.shape[1])[:, None, None]  # (B, 1, 1, T)
            hidden = torch.zeros_like(seen, dtype=x.dtype).masked_fill(~seen, UNSEEN)
        for block in self.blocks:
            x = block(x, hidden)
        return clear_padding(self.norm(x), lengths), lengths


class AttentionBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)); four times the width between (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int, dropout: float, positions: Positions) -> None:
        super().__init__()
        self.dropout = dropout
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = SelfAttention(width, heads, dropout, positions)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        """x (B, T, D), hidden (B, 1, 1, T) or None -> (B, T, D)."""
        x = x + F.dropout(self.attention(self.norms[0](x), hidden), self.dropout, self.training)
        inner = F.dropout(F.gelu(self.wide(self.norms[1](x))), self.dropout, self.training)
        return x + F.dropout(self.narrow(inner), self.dropout, self.training)


class SelfAttention(nn.Module):
    """H heads, each a weighted mean over all real positions. Keys have no bias: the softmax would take it out again."""

    def __init__(self, width: int, heads: int, dropout: float, positions: Positions) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.distances = nn.Embedding(2 * FARTHEST + 1, heads) if positions == "distance" else None
        if self.distances is not None:
            nn.init.zeros_(self.distances.weight)  # at first all distances count the same

    def forward(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        """x (B, T, D), hidden (B, 1, 1, T): 0 where a position is seen, hugely negative elsewhere -> (B, T, D)."""
        rows, width = x.shape[:2]
        parts = self.queries_keys_values(x).view(rows, width, 3, self.heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each (B, H, T, D / H)
        bias = hidden
        if self.distances is None:
            turn = angles(width, queries.shape[3] // 2, x.device)
            queries, keys = rotate(queries, *turn), rotate(keys, *turn)
        else:
            near = self.distances(distance_index(width, x.device)).permute(2, 0, 1)  # (H, T, T)
            bias = near if hidden is None else near + hidden
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(queries, keys, values, bias, dropout)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))  # (B, H, T, D / H) -> (B, T, D)
        return out


def angles(width: int, pairs: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, pairs) of position * base ** (-pair / pairs)."""
    speeds = ROTARY_BASE ** (-torch.arange(pairs, device=device, dtype=torch.float32) / pairs)
    turns = torch.arange(width, device=device, dtype=torch.float32)[:, None] * speeds
    return turns.cos(), turns.sin()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """x (..., T, 2 * pairs): each pair (first half, second half) turned by its angle."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)


def distance_index(width: int, device: torch.device) -> Tensor:
    """(T, T): which learnt number stands for the step from one position to another."""
    positions = torch.arange(width, device=device)
    return (positions - positions[:, None]).clamp(-FARTHEST, FARTHEST) + FARTHEST


class ProjectedBlocks(nn.Module):
    """Vectors of any width are brought to the width of the blocks first."""

    def __init__(self, width: int, blocks: AttentionBlocks, dropout: float) -> None:
        super().__init__()
        self.project, self.blocks, self.dropout = nn.Linear(width, blocks.width), blocks, dropout
        self.width = blocks.width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D), (B,) -> (B, T, D'), (B,)."""
        x = clear_padding(F.dropout(self.project(x), self.dropout, self.training), lengths)
        x, lengths = self.blocks(x, lengths)
        return x, lengths
