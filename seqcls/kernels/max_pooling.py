"""ReLU and the maximum over neighbouring positions, as one step: (B, T, D) -> (B, ceil(T / pool), D).

Promise: values are those of `F.relu` and `F.max_pool1d(..., ceil_mode=True)` one after the other; gradients too, ties
included: the first of equal values gets all of it. The order of the two does not matter to the values (both are
monotone), so the maximum comes first and ReLU has less to do. Torch's own pooling wants the channels first and keeps
an index of eight bytes for each value; here neighbours are whole vectors of D, and every pass over them is one that
torch has in vector instructions (those that read or write masks are not).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqcls.kernels.switch import is_plain


def relu_and_pool(x: Tensor, pool: int) -> Tensor:
    """x (B, T, D); the last positions count too where T is no multiple of `pool`."""
    if pool == 1:
        return F.relu(x)
    if torch.is_grad_enabled() and x.requires_grad and not is_plain():
        pooled: Tensor = _ReluAndPool.apply(x, pool)  # type: ignore[no-untyped-call]
        return pooled
    image = F.max_pool2d(x.transpose(1, 2).unsqueeze(2), (1, pool), ceil_mode=True)
    return F.relu(image.squeeze(2).transpose(1, 2))


class _ReluAndPool(torch.autograd.Function):
    """What is kept for the gradients: by how much each neighbour is above all before it, (B, groups, D) each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: int) -> Tensor:
        best = x.new_empty(x.shape[0], -(-x.shape[1] // pool), x.shape[2])
        rises = []
        for neighbours, best_part in _parts(x, best, pool):
            highest, *others = neighbours.unbind(2)
            if not others:
                best_part.copy_(highest)
            for other in others:
                rises.append(other - highest)
                highest = torch.maximum(highest, other, out=best_part)
        ctx.save_for_backward(best.relu_(), *rises)
        ctx.shape, ctx.pool = x.shape, pool
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """From the last neighbour to the first: who rises above all before it takes what is left of the gradient."""
        best, *rises = ctx.saved_tensors
        # Mean pooling hands over one vector for all positions: spread once here, or slowly in each of the passes below.
        left = torch.ops.aten.threshold_backward(gradient.contiguous(), best, 0)
        to_x = gradient.new_empty(ctx.shape)
        for neighbours, left_part in reversed(_parts(to_x, left, ctx.pool)):
            first, *others = neighbours.unbind(2)
            rests = [first, *[left_part] * (len(others) - 1)]
            for other, rest in zip(reversed(others), reversed(rests), strict=False):
                torch.ops.aten.threshold_backward.grad_input(left_part, rises.pop(), 0, grad_input=other)
                torch.sub(left_part, other, out=rest)
            if not others:
                first.copy_(left_part)
        return to_x, None


def _parts(x: Tensor, pooled: Tensor, pool: int) -> list[tuple[Tensor, Tensor]]:
    """The whole groups, and what is left beyond them: (B, groups, neighbours, D), each with its (B, groups, D)."""
    groups = x.shape[1] // pool
    whole = x[:, : groups * pool].view(len(x), groups, pool, x.shape[2])
    parts = [(whole, pooled[:, :groups])] if groups else []
    if x.shape[1] > groups * pool:
        parts.append((x[:, None, groups * pool :], pooled[:, groups:]))
    return parts
