"""Recurrence over padded sequences: (B, T, D), (B,) -> (B, T, D'), (B,). Exact under padding, in both directions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.kernels.unrolled import is_faster, unroll
from seqcls.models.layers import clear_padding, reverse
from seqcls.shapes import Float, Int, Num


class Recurrence(nn.Module):
    """Layers of one kind of recurrent cell, maybe in both directions, dropout between them.

    Padding comes after the real positions, so it cannot reach them; backwards each row is reversed within its length,
    which gives the numbers of packed sequences without packing. Recurrent weights start orthogonal (Saxe et al. 2014),
    input weights by Glorot's rule, the forget gate of the LSTM open (bias 1: Jozefowicz et al. 2015).
    """

    CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}  # noqa: RUF012

    def __init__(self, cell: str, width: int, hidden: int, depth: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        make = self.CELLS[cell]
        inputs = [width] + [hidden * directions] * (depth - 1)
        self.forwards = nn.ModuleList(make(size, hidden, batch_first=True) for size in inputs)
        self.backwards = nn.ModuleList(make(size, hidden, batch_first=True) for size in inputs if bidirectional)
        self.dropout, self.width = dropout, hidden * directions
        for layer in (*self.forwards, *self.backwards):
            assert isinstance(layer, nn.RNNBase)
            _start_cell(layer)

    def forward(
        self, x: Num[Tensor, "B T D"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B T D2"], Int[Tensor, " B"]]:
        """(B, T, D), (B,) -> (B, T, D'), (B,); tokens where an engine has folded the embedding into the first layer."""
        for index, layer in enumerate(self.forwards):
            if index and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            ahead = _states(layer, x)
            if self.backwards:
                behind = reverse(_states(self.backwards[index], reverse(x, lengths)), lengths)
                ahead = torch.cat([ahead, behind], dim=2)
            x = ahead
        return clear_padding(x, lengths), lengths


def _states(layer: nn.Module, x: Num[Tensor, "B T D"]) -> Float[Tensor, "B T D2"]:
    """(B, T, D) -> (B, T, H), from a state of zeros."""
    steps_first = x.transpose(0, 1)
    if isinstance(layer, nn.RNNBase) and is_faster(layer, steps_first):
        return unroll(layer, steps_first).transpose(0, 1)
    states: Tensor = layer(x)[0]
    return states


def _start_cell(layer: nn.RNNBase) -> None:
    hidden = layer.hidden_size
    for name, weight in layer.named_parameters():
        if name.startswith("weight_hh"):
            for gate in torch.split(weight.data, hidden):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in torch.split(weight.data, hidden):
                nn.init.xavier_uniform_(gate)
        else:
            nn.init.zeros_(weight)
    if isinstance(layer, nn.LSTM):  # gates stand in the order input, forget, cell, output
        nn.init.ones_(layer.get_parameter("bias_ih_l0").data[hidden : 2 * hidden])
