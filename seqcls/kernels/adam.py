"""AdamW by torch's fused kernel, called directly: the same bits as `torch.optim.AdamW(fused=True)`, without what that
does around the kernel at every step (hooks, profiler, groups: a quarter of a millisecond of a step of eight), and
without importing torch's compiler, which it does when it is made: a second and more, and 80 MB.

In: weights by name, which of them decay. Out: `step(rate)` from the gradients that the weights hold. Promise: weights
without a gradient stay as they are; a weight's state ("step", "exp_avg", "exp_avg_sq", as torch names them) begins
with its first gradient. The kernel is not part of PyTorch's documented interface: where it is missing, or with
SEQCLS_PLAIN=1, the same algorithm runs line by line. AdamW: Loshchilov and Hutter 2019, algorithm 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from seqcls.kernels.switch import is_plain

FIRST_BETA, SECOND_BETA, EPSILON = 0.9, 0.999, 1e-8  # of Kingma and Ba 2015, algorithm 1

State = dict[str, Tensor]


class AdamW:
    """Moments of the gradients of each weight, and the step."""

    def __init__(self, weights: Mapping[str, Tensor], decayed: Set[str], decay: float) -> None:
        self.weights, self.state = dict(weights), dict[str, State]()
        decays = {name: decay if name in decayed else 0.0 for name in weights}
        kinds = sorted({*decays.values()})
        self.groups = [(kind, [name for name in weights if decays[name] == kind]) for kind in kinds]

    def zero_grad(self) -> None:
        for weight in self.weights.values():
            weight.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step: all weights of a group in one call, where PyTorch has the kernel."""
        by_kernel = hasattr(torch, "_fused_adamw_") and not is_plain()
        for decay, group in self.groups:
            parts = [
                Part(weight, weight.grad, self._state_of(name))
                for name in group
                if (weight := self.weights[name]).grad is not None
            ]
            if by_kernel and parts:
                step_by_kernel(parts, rate, decay)
                continue
            for part in parts:
                step_by_hand(part, rate, decay)

    def _state_of(self, name: str) -> State:
        weight = self.weights[name]
        if name not in self.state:
            self.state[name] = {
                "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        return self.state[name]


@dataclass(frozen=True)
class Part:
    """A weight that is stepped."""

    weight: Tensor
    gradient: Tensor
    state: State


def step_by_kernel(parts: list[Part], rate: float, decay: float) -> None:
    """All in one call."""
    counts = [part.state["step"] for part in parts]
    torch._foreach_add_(counts, 1)
    torch._fused_adamw_(
        [part.weight for part in parts],
        [part.gradient for part in parts],
        [part.state["exp_avg"] for part in parts],
        [part.state["exp_avg_sq"] for part in parts],
        [],
        counts,
        lr=rate,
        beta1=FIRST_BETA,
        beta2=SECOND_BETA,
        weight_decay=decay,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )


def step_by_hand(part: Part, rate: float, decay: float) -> None:
    """Algorithm 2 line by line: the same up to rounding, by public functions alone."""
    count = part.state["step"].add_(1).item()
    mean, square = part.state["exp_avg"], part.state["exp_avg_sq"]
    mean.lerp_(part.gradient, 1 - FIRST_BETA)
    square.mul_(SECOND_BETA).addcmul_(part.gradient, part.gradient, value=1 - SECOND_BETA)
    spread = square.sqrt().div_(math.sqrt(1 - SECOND_BETA**count)).add_(EPSILON)
    part.weight.mul_(1 - rate * decay).addcdiv_(mean, spread, value=-rate / (1 - FIRST_BETA**count))
