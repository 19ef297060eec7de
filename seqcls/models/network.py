"""The networks: input layer, body, pooling, maybe a dense layer, dropout, classes.

In: `Batch`. Out: logits (B, K). One class a body; `models.MODELS` names them.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.config.model import AnyNetwork, AttentionModel, CnnModel, HybridModel, ModelConfig, RecurrentModel
from seqcls.data.batch import Batch
from seqcls.encoders.spec import InputSpec
from seqcls.kernels.dense import Dense
from seqcls.models.convolution import Convolutions
from seqcls.models.inputs import InputLayer
from seqcls.models.layers import reversal
from seqcls.models.pooling import make_pooling
from seqcls.models.recurrence import Recurrence


class Network(nn.Module):
    """What every family shares; a family gives the body, called as body(x, lengths) -> (x, lengths)."""

    def __init__(self, config: AnyNetwork, inputs: InputSpec, classes: int) -> None:
        super().__init__()
        self.inputs = InputLayer(inputs, config)
        self.body, width, positions = self.make_body(config, self.inputs.width, inputs.max_length)
        self.pooling = make_pooling(config.pooling, width, positions, bool(getattr(config, "bidirectional", False)))
        self.dropout = config.dropout
        pooled = int(self.pooling.width)  # type: ignore[arg-type]
        self.dense = Dense(pooled, config.dense) if config.dense else None
        self.classes = nn.Linear(config.dense or pooled, classes)
        self._start_head(0.05 if config.pooling == "flatten" else 0.5)

    def make_body(self, config: ModelConfig, width: int, positions: int) -> tuple[nn.Module, int, int]:
        """The body, the width of its vectors, and the most positions it gives."""
        raise NotImplementedError

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

    def forward(self, batch: Batch) -> Tensor:
        x, lengths = self.body(self.inputs(batch), batch.lengths)  # (B, T, C) -> (B, T', D)
        vector: Tensor = self.pooling(x, lengths)  # (B, D)
        if self.dense is not None:
            vector = F.relu(self.dense(vector))
        logits: Tensor = self.classes(F.dropout(vector, self.dropout, self.training))
        return logits


class CnnNetwork(Network):
    """Convolutions over a sequence: Kim 2014 for text, Fawaz et al. 2019 for series."""

    def make_body(self, config: ModelConfig, width: int, positions: int) -> tuple[nn.Module, int, int]:
        assert isinstance(config, CnnModel)
        body = make_convolutions(config, width)
        return body, body.width, body.length_after(positions)


class RecurrentNetwork(Network):
    """Elman 1990 (rnn), Hochreiter and Schmidhuber 1997 (lstm), Cho et al. 2014 (gru)."""

    def make_body(self, config: ModelConfig, width: int, positions: int) -> tuple[nn.Module, int, int]:
        assert isinstance(config, RecurrentModel)
        body = Recurrence(config.family, width, config.width, config.depth, config.bidirectional, config.dropout)
        return body, body.width, positions


class HybridNetwork(Network):
    """Convolutions find motifs and shorten the sequence, recurrence reads them in order: DanQ (Quang and Xie 2016)."""

    def make_body(self, config: ModelConfig, width: int, positions: int) -> tuple[nn.Module, int, int]:
        assert isinstance(config, HybridModel)
        motifs = make_convolutions(config, width)
        order = Recurrence(config.cell, motifs.width, config.width, config.depth, config.bidirectional, config.dropout)
        return InOrder(motifs, order, config.dropout), order.width, motifs.length_after(positions)


class InOrder(nn.Module):
    """Two bodies, one after the other, dropout between them."""

    def __init__(self, first: nn.Module, second: nn.Module, dropout: float) -> None:
        super().__init__()
        self.first, self.second, self.dropout = first, second, dropout

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
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

    def forward(self, batch: Batch) -> Tensor:
        assert batch.tokens is not None
        assert isinstance(self.complement, Tensor)
        backwards = batch.tokens.gather(1, reversal(batch.lengths, batch.width))
        other = replace(batch, tokens=self.complement[backwards])
        logits: Tensor = (self.network(batch) + self.network(other)) / 2
        return logits


def make_convolutions(config: CnnModel | HybridModel | AttentionModel, width: int) -> Convolutions:
    """The convolutions that a config describes, for vectors of a width."""
    return Convolutions(
        width,
        list(config.filters),
        config.kernel,
        config.pool,
        config.padding,
        config.normalise == "batch",
        config.dropout,
    )
