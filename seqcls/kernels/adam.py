"""AdamW by torch's fused kernel, called directly: the same bits as `torch.optim.AdamW(fused=True)`, without what that
does around the kernel at every step (hooks, profiler, groups: a quarter of a millisecond of a step of eight), and
without importing torch's compiler, which it does when it is made: a second and more, and 80 MB.

In: weights by name, which of them decay. Out: `step(rate)` from the gradients that the weights hold. Promise: weights
without a gradient stay as they are; a weight's state ("step", "exp_avg", "exp_avg_sq", as torch names them) begins
with its first gradient. AdamW: Loshchilov and Hutter 2019, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import torch
from torch import Tensor

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
        """One step: all weights of a group in one call."""
        for decay, group in self.groups:
            names = [name for name in group if self.weights[name].grad is not None]
            if not names:
                continue
            states = [self._state_of(name) for name in names]
            counts = [state["step"] for state in states]
            torch._foreach_add_(counts, 1)
            torch._fused_adamw_(
                [self.weights[name] for name in names],
                [grad for name in names if (grad := self.weights[name].grad) is not None],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
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

    def _state_of(self, name: str) -> State:
        weight = self.weights[name]
        if name not in self.state:
            self.state[name] = {
                "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
            }
        return self.state[name]
