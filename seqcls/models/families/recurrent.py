"""Recurrent networks: Elman 1990 (rnn), Hochreiter and Schmidhuber 1997 (lstm), Cho et al. 2014 (gru)."""

from __future__ import annotations

from typing import Literal

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, NetworkFamily, Pooling


class RecurrentModel(NetworkFamily):
    family: Literal["rnn", "lstm", "gru"]
    width: Positive = 64
    """Hidden units per direction."""
    depth: Positive = 1
    """Recurrent layers."""
    bidirectional: bool = False
    """Read the sequence in both directions."""
    pooling: Pooling = "last"
    """How positions become one vector; padding never counts."""

    example = {"width": 8, "depth": 2, "bidirectional": True}

    @property
    def reads_both_ways(self) -> bool:
        return self.bidirectional

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.recurrence import Recurrence

        body = Recurrence(self.family, width, self.width, self.depth, self.bidirectional, self.dropout)
        return Body(body, body.width, positions)
