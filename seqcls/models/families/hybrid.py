"""Convolutions find motifs and shorten the sequence, recurrence reads them in order: DanQ (Quang and Xie 2016)."""

from __future__ import annotations

from typing import Literal

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, Filters, NetworkFamily


class HybridModel(NetworkFamily):
    family: Literal["hybrid"] = "hybrid"
    filters: Filters = [64]
    """Filters of each convolution, first to last; the length of the list is the depth."""
    kernel: Positive = 5
    """Positions that each filter covers."""
    pool: Positive = 2
    """Max pooling over this many positions after each convolution; 1: none."""
    padding: Literal["same", "valid"] = "same"
    """same: a convolution keeps the length; valid: whole windows only, kernel - 1 positions fewer."""
    normalise: Literal["none", "batch"] = "none"
    """Batch normalisation after each convolution; padding does not count."""
    cell: Literal["rnn", "lstm", "gru"] = "gru"
    """Kind of the recurrent layers."""
    width: Positive = 64
    """Hidden units per direction."""
    depth: Positive = 1
    """Recurrent layers."""
    bidirectional: bool = True
    """Read the sequence in both directions."""

    example = {"filters": [8], "kernel": 4, "width": 8}

    @property
    def reads_both_ways(self) -> bool:
        return self.bidirectional

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.convolution import Convolutions
        from seqcls.models.network import InOrder
        from seqcls.models.recurrence import Recurrence

        batch_norm = self.normalise == "batch"
        motifs = Convolutions(width, self.filters, self.kernel, self.pool, self.padding, batch_norm, self.dropout)
        order = Recurrence(self.cell, motifs.width, self.width, self.depth, self.bidirectional, self.dropout)
        return Body(InOrder(motifs, order, self.dropout), order.width, motifs.length_after(positions))
