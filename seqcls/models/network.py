"""The networks: input layer, body, pooling, maybe a dense layer, dropout, classes.

In: `Batch`. Out: logits (B, K). The bodies are made by the families.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.kernels.dense import Dense
from seqcls.models.inputs import InputLayer
from seqcls.models.layers import reversal
from seqcls.models.pooling import Pooling
from seqcls.shapes import Float, Int


class Network(nn.Module):
    """What every family shares; a family gives the body, called as body(x, lengths) -> (x, lengths)."""

    def __init__(
        self, inputs: InputLayer, body: nn.Module, pooling: Pooling, dense: int, dropout: float, classes: int
    ) -> None:
        super().__init__()
        self.inputs, self.body, self.pooling, self.dropout = inputs, body, pooling, dropout
        self.dense = Dense(pooling.width, dense) if dense else None
        self.classes = nn.Linear(dense or pooling.width, classes)
        self._start_head(pooling.head_spread)

    def _start_head(self, spread: float) -> None:
        """Dense by Kaiming's rule; classes small, so that an untrained network gives nearly equal chances.

        The vector of flattened positions is the longest by far, and what it says has to be unlearnt first: on
        simulated ECGs the rows held out have a loss of 0.81 after an epoch, with the spread of others 0.97 (8 seeds).
        """
        if self.dense is not None:
            nn.init.kaiming_normal_(self.dense.weight, nonlinearity="relu")
            nn.init.zeros_(self.dense.bias)
        nn.init.normal_(self.classes.weight, std=spread * self.classes.in_features**-0.5)
        nn.init.zeros_(self.classes.bias)

    def forward(self, batch: Batch) -> Float[Tensor, "B K"]:
        x, lengths = self.body(self.inputs(batch), batch.lengths)  # (B, T, C) -> (B, T', D)
        vector: Tensor = self.pooling(x, lengths)  # (B, D)
        if self.dense is not None:
            vector = F.relu(self.dense(vector))
        logits: Tensor = self.classes(F.dropout(vector, self.dropout, self.training))
        return logits


class InOrder(nn.Module):
    """Two bodies, one after the other, dropout between them."""

    def __init__(self, first: nn.Module, second: nn.Module, dropout: float) -> None:
        super().__init__()
        self.first, self.second, self.dropout = first, second, dropout

    def forward(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T2 D2"], Int[Tensor, " B"]]:
        x, lengths = self.first(x, lengths)
        x, lengths = self.second(F.dropout(x, self.dropout, self.training), lengths)
        return x, lengths


class BothStrands(nn.Module):
    """Mean of the logits of a DNA sequence and of its reverse complement: equal for either strand.

    The reverse-complement averaging of Alipanahi et al. 2015 and Zhou et al. 2022, in training and scoring alike.
    """

    def __init__(self, network: nn.Module, complement: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("complement", torch.tensor(complement, dtype=torch.int64), persistent=False)

    def forward(self, batch: Batch) -> Float[Tensor, "B K"]:
        assert batch.tokens is not None
        assert isinstance(self.complement, Tensor)
        backwards = batch.tokens.gather(1, reversal(batch.lengths, batch.width))
        other = replace(batch, tokens=self.complement[backwards])
        logits: Tensor = (self.network(batch) + self.network(other)) / 2
        return logits
