"""Folding: precompute the product of each token's vector and the input weights of the first recurrent layer.

In: a network for scoring. Out: a copy whose first recurrent layer looks this product up in a table with one row for
each entry of the vocabulary. Promise: the same logits up to rounding, at any length and padding. In a layer as wide as
its vectors this product is half of the work, and it depends only on the token; Devlin et al. 2014, "Fast and robust
neural network joint models for statistical machine translation", call it pre-computing the hidden layer.
Equations of the cells: the documentation of nn.RNN, nn.LSTM and nn.GRU.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.models.inputs import InputLayer
from seqcls.models.network import Network
from seqcls.models.recurrence import Recurrence


def foldable(network: nn.Module) -> list[Network]:
    """The parts of a network (members, strands) whose recurrence reads tokens."""
    found = (module for module in network.modules() if isinstance(module, Network))
    return [
        part
        for part in found
        if isinstance(part.body, Recurrence) and isinstance(part.inputs, InputLayer) and not part.inputs.is_values
    ]


def table_bytes(network: nn.Module) -> int:
    """Bytes of the tables of a folded network."""
    return sum(
        4 * len(part.inputs.vectors()) * layer.get_parameter("weight_ih_l0").shape[0]
        for part in foldable(network)
        for layer in _first_layers(part)
    )


@torch.inference_mode()
def fold(network: nn.Module) -> nn.Module:
    """The folded copy; parts that cannot be folded are unchanged."""
    folded = copy.deepcopy(network)
    for part in foldable(folded):
        body, vectors = part.body, part.inputs.vectors()
        assert isinstance(body, Recurrence)
        body.forwards[0] = FoldedLayer(body.forwards[0], vectors)  # type: ignore[arg-type]
        if len(body.backwards):
            body.backwards[0] = FoldedLayer(body.backwards[0], vectors)  # type: ignore[arg-type]
        part.inputs = JustTokens()  # type: ignore[assignment]
    return folded.eval()


class JustTokens(nn.Module):
    """Replaces an `InputLayer`: (B, T) tokens as vectors of one number each."""

    def forward(self, batch: Batch) -> Tensor:
        """(B, T, 1)."""
        assert batch.tokens is not None
        return batch.tokens[:, :, None]


class FoldedLayer(nn.Module):
    """Replaces one layer of `nn.RNN`, `nn.LSTM` or `nn.GRU`: (B, T, 1) tokens -> (B, T, H), without the last state."""

    def __init__(self, layer: nn.RNNBase, vectors: Tensor) -> None:
        super().__init__()
        weights = [layer.get_parameter(f"{name}_l0").detach() for name in ("weight_ih", "weight_hh")]
        biases = [layer.get_parameter(f"{name}_l0").detach() for name in ("bias_ih", "bias_hh")]
        if layer.mode == "LSTM":  # input, forget, output, cell: gates with a sigmoid are adjacent
            weights, biases = ([_output_third(one) for one in each] for each in (weights, biases))
        into, again = weights
        self.steps = {"LSTM": _lstm, "GRU": _gru}.get(layer.mode, _rnn)
        self.table = torch.addmm(biases[0], vectors, into.t())  # (V, G * H)
        self.again, self.bias = again.t().contiguous(), biases[1]  # (H, G * H), (G * H,)
        if layer.mode != "GRU":  # the reset gate acts on this part only
            self.table += self.bias

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        tokens = x[:, :, 0].t().contiguous()  # (T, B)
        states = self.table.new_empty(*tokens.shape, len(self.again))
        self.steps(tokens.unbind(0), self.table, self.again, self.bias, states.unbind(0))
        return states.transpose(0, 1), None


Steps = tuple[Tensor, ...]
"""(B,) or (B, H) of each position."""


def _lstm(tokens: Steps, table: Tensor, again: Tensor, _: Tensor, states: Steps) -> None:
    """c = f * c + i * g, h = o * tanh(c)."""
    gates, cell, before = _start(tokens, table, again)
    width = cell.shape[1]
    opened, new = gates[:, : 3 * width], gates[:, 3 * width :]
    let_in, kept, out = opened.chunk(3, 1)
    for token, state in zip(tokens, states, strict=True):
        torch.index_select(table, 0, token, out=gates)
        torch.addmm(gates, before, again, out=gates)
        opened.sigmoid_()
        new.tanh_()
        cell.mul_(kept).addcmul_(let_in, new)
        torch.tanh(cell, out=state).mul_(out)
        before = state


def _gru(tokens: Steps, table: Tensor, again: Tensor, bias: Tensor, states: Steps) -> None:
    """n = tanh(x_n + r * h_n), h = n + z * (h - n)."""
    gates, _, before = _start(tokens, table, again)
    back, width = torch.empty_like(gates), before.shape[1]
    opened, new = gates[:, : 2 * width], gates[:, 2 * width :]
    opened_back, new_back = back[:, : 2 * width], back[:, 2 * width :]
    reset, kept = opened.chunk(2, 1)
    for token, state in zip(tokens, states, strict=True):
        torch.index_select(table, 0, token, out=gates)
        torch.addmm(bias, before, again, out=back)
        opened.add_(opened_back).sigmoid_()
        new.addcmul_(reset, new_back).tanh_()
        torch.lerp(new, before, kept, out=state)
        before = state


def _rnn(tokens: Steps, table: Tensor, again: Tensor, _: Tensor, states: Steps) -> None:
    """h = tanh(x_h + U h)."""
    _, _, before = _start(tokens, table, again)
    for token, state in zip(tokens, states, strict=True):
        torch.index_select(table, 0, token, out=state)
        before = state.addmm_(before, again).tanh_()


def _start(tokens: Steps, table: Tensor, again: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Buffers for the gates (B, G * H), and two zero states (B, H)."""
    rows = len(tokens[0]) if tokens else 0
    return table.new_empty(rows, table.shape[1]), again.new_zeros(rows, len(again)), again.new_zeros(rows, len(again))


def _output_third(weight: Tensor) -> Tensor:
    """Reorder the gates of an LSTM from torch's order (input, forget, cell, output) to output before cell."""
    let_in, kept, new, out = weight.chunk(4)
    return torch.cat([let_in, kept, out, new])


def _first_layers(part: Network) -> list[nn.Module]:
    """The forward direction, and the backward one if there is one."""
    body = part.body
    assert isinstance(body, Recurrence)
    return [layers[0] for layers in (body.forwards, body.backwards) if len(layers)]
