"""Recurrence for training: the same numbers as torch's cells, their gradients gathered in few large products.

In: (T, B, D) and the weights of `nn.RNN` or `nn.GRU`. Out: the hidden states (T, B, H). Promise: values and
gradients are those of torch's cell, up to rounding. Torch's own backward adds a small product to the gradient of the
weights at every step; here only what the chain rule hands from one step to the next is done step by step, all else at
once over T * B rows (Appleyard et al. 2016, "Optimizing performance of recurrent neural networks on GPUs", 3.1-3.3,
for cuDNN). On one core, batch 32: GRU 1.5 times, RNN 1.7 times as fast, forward and backward; the LSTM was 0.65 times
as fast as oneDNN's, which torch takes for it alone, so it stays there. Equations: Elman 1990; Cho et al. 2014 as in the
documentation of nn.GRU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqcls.kernels.switch import is_plain

MOST_STATES = 8192
"""Rows times width of a step: above it torch's own cells are as fast (GRU of 64, 256 rows: 0.92 times)."""


def is_faster(layer: nn.RNNBase, x: Tensor) -> bool:
    """Whether `unroll` is the faster way to the gradients of this layer on (T, B, D)."""
    if is_plain():
        return False
    small = x.shape[1] * layer.hidden_size <= MOST_STATES
    return layer.training and torch.is_grad_enabled() and small and x.device.type == "cpu" and layer.mode != "LSTM"


def unroll(layer: nn.RNNBase, x: Tensor) -> Tensor:
    """(T, B, D) -> (T, B, H): one layer in one direction; weights (G * H, D), (G * H, H), G gates, and biases.

    In float32 under autocast too: many small products gain nothing by bfloat16 (GRU of 64, 32 rows: 0.9 times as fast).
    """
    if torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            return unroll(layer, x.float())
    cell = UnrolledGru if layer.mode == "GRU" else UnrolledRnn
    states: Tensor = cell.apply(x, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)  # type: ignore[no-untyped-call]
    return states


class UnrolledGru(torch.autograd.Function):
    """r, z: what is reset and kept; n = tanh(x_n + r * h_n): what is new; h' = n + z * (h - n)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, into: Tensor, again: Tensor, into_bias: Tensor, again_bias: Tensor) -> Tensor:
        steps, rows, width = len(x), x.shape[1], again.shape[1]
        gates = torch.addmm(into_bias, x.reshape(steps * rows, -1), into.t()).view(steps, rows, 3 * width)
        back = x.new_empty(steps, rows, 3 * width)  # what comes back from the state before
        states = x.new_empty(steps + 1, rows, width)
        states[0].zero_()
        transposed = again.t().contiguous()
        split = [part.unbind(0) for part in (gates[..., : 2 * width], gates[..., 2 * width :])]
        split += [part.unbind(0) for part in (back[..., : 2 * width], back[..., 2 * width :])]
        reset, keep = (gates[..., at : at + width].unbind(0) for at in (0, width))
        state, every = states.unbind(0), back.unbind(0)
        for t, (both, new, both_back, new_back) in enumerate(zip(*split, strict=True)):
            torch.addmm(again_bias, state[t], transposed, out=every[t])
            both.add_(both_back).sigmoid_()
            new.addcmul_(reset[t], new_back).tanh_()
            torch.lerp(new, state[t], keep[t], out=state[t + 1])
        ctx.save_for_backward(x, into, again, gates, back, states)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, into, again, gates, back, states = ctx.saved_tensors
        steps, rows, width = gradient.shape
        reset, keep, new = gates.view(steps, rows, 3, width).unbind(2)
        # Derivatives of n, r, z and h_n by the state: neighbours, so that both products below take a slice.
        slopes = x.new_empty(steps, rows, 4, width)
        by_new = torch.mul(1 - keep, 1 - new * new, out=slopes[:, :, 0])
        torch.mul(by_new, reset, out=slopes[:, :, 3])
        torch.mul(slopes[:, :, 3] * (1 - reset), back[..., 2 * width :], out=slopes[:, :, 1])
        torch.mul((states[:-1] - new) * keep, 1 - keep, out=slopes[:, :, 2])
        kept = keep.contiguous().unbind(0)
        down, outside = slopes.unbind(0), gradient.unbind(0)
        recurrent = slopes.view(steps, rows, 4 * width)[..., width:].unbind(0)
        carried = torch.zeros_like(outside[0])
        across = carried[:, None]
        for t in range(steps - 1, -1, -1):
            carried += outside[t]
            down[t].mul_(across)
            carried *= kept[t]
            carried.addmm_(recurrent[t], again)
        flat = slopes.view(steps * rows, 4 * width)
        order = torch.cat([into[2 * width :], into[: 2 * width]])  # n, r, z
        to_x, by_into, by_bias = _of_inputs(ctx, flat[:, : 3 * width], x, order)
        by_into, by_bias = by_into.roll(-width, 0), by_bias.roll(-width, 0)
        by_again = flat[:, width:].t() @ states[:-1].reshape(steps * rows, width)
        return to_x, by_into, by_again, by_bias, flat[:, width:].sum(0)


class UnrolledRnn(torch.autograd.Function):
    """h' = tanh(x_h + U h)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, into: Tensor, again: Tensor, into_bias: Tensor, again_bias: Tensor) -> Tensor:
        steps, rows, width = len(x), x.shape[1], again.shape[1]
        states = x.new_empty(steps + 1, rows, width)
        states[0].zero_()
        flat = states[1:].view(steps * rows, width)
        torch.addmm(into_bias + again_bias, x.reshape(steps * rows, -1), into.t(), out=flat)
        transposed, state = again.t().contiguous(), states.unbind(0)
        for t in range(steps):
            state[t + 1].addmm_(state[t], transposed).tanh_()
        ctx.save_for_backward(x, into, again, states)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, into, again, states = ctx.saved_tensors
        steps, rows, width = gradient.shape
        slopes = 1 - states[1:] ** 2
        slope, outside = slopes.unbind(0), gradient.unbind(0)
        carried = torch.zeros_like(outside[0])
        for t in range(steps - 1, -1, -1):
            carried += outside[t]
            slope[t].mul_(carried)
            torch.mm(slope[t], again, out=carried)
        flat = slopes.view(steps * rows, width)
        to_x, by_into, by_bias = _of_inputs(ctx, flat, x, into)
        by_again = flat.t() @ states[:-1].reshape(steps * rows, width)
        return to_x, by_into, by_again, by_bias, by_bias


def _of_inputs(ctx: Any, flat: Tensor, x: Tensor, into: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of x, the input weights and their bias, from those of the gates (T * B, G * H)."""
    to_x = (flat @ into).view(x.shape) if ctx.needs_input_grad[0] else None
    return to_x, flat.t() @ x.reshape(len(flat), -1), flat.sum(0)
