"""A dense layer whose products are oneDNN's in training: (B, D) -> (B, D').

Promise: weights, values and gradients are those of `nn.Linear`, up to rounding. Torch takes oneDNN for convolutions,
and another library for products of float32, which is slower where a product has few rows and many columns: 32 rows of
7,808 values to 128 units took 2.2 ms forward and backward on two cores, and take 1.6 ms here. Other devices, other
precisions, scoring, and a torch without oneDNN go the way of `nn.Linear`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqcls.kernels.switch import is_plain

WORTH = 2**18
"""Weights of a layer that is worth it: the calls of a small one cost more than its products."""


class Dense(nn.Linear):
    """`nn.Linear`, in training by `_Products` where that is faster."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, D) -> (B, D')."""
        if self._is_faster(input):
            found: Tensor = _Products.apply(input, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return found
        return super().forward(input)

    def _is_faster(self, x: Tensor) -> bool:
        learns = self.training and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        plain = x.device.type == "cpu" and x.dtype == self.weight.dtype == torch.float32
        return (
            not is_plain()
            and learns
            and plain
            and self.weight.numel() >= WORTH
            and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        )


class _Products(torch.autograd.Function):
    """Three products, each as x times the transpose of w: what oneDNN calls an inner product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _inner(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        to_x = _inner(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        return to_x, _inner(gradient.t(), x.t()), gradient.sum(0)


def _inner(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found
