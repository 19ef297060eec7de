"""The objective and the step: AdamW with decay where it belongs, warm-up, cosine, clipping, weights for rare classes.

In: a network and `TrainConfig`. Promise: the learning rate is a function of the step's number alone, so nothing but
AdamW's own moments has to be kept for a resume. AdamW: Loshchilov and Hutter 2019, algorithm 2; cosine: Loshchilov and
Hutter 2017, equation 5; warm-up: Goyal et al. 2017.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.arrays import Floats
from seqcls.config.train import TrainConfig
from seqcls.kernels.adam import AdamW
from seqcls.shapes import Float, Int


class Objective:
    """Cross-entropy summed over the rows of a batch, with label smoothing, weights of classes and shifts of logits.

    Logits of an ensemble in training, (M, B, K), give the mean loss of its members: each is judged alone.
    """

    def __init__(
        self,
        smoothing: float,
        weights: Floats | None,
        device: torch.device,
        shift: Floats | None = None,
    ) -> None:
        self.smoothing = smoothing
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32, device=device)
        self.shift = None if shift is None else torch.tensor(shift, dtype=torch.float32, device=device)

    def __call__(self, logits: Float[Tensor, "*M B K"], labels: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        if logits.ndim == 3:
            return self(logits.flatten(0, 1), labels.repeat(len(logits))) / len(logits)
        logits = logits if self.shift is None else logits + self.shift
        return F.cross_entropy(logits, labels, self.weights, reduction="sum", label_smoothing=self.smoothing)


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Rate of step 0, 1, ... of `steps`: a straight rise over the warm-up, then a half cosine to zero, or constant."""
    warmup = math.ceil(steps * config.warmup)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    share = (step - warmup) / max(steps - warmup, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


class Optimiser:
    """AdamW over the weights of a network: zero_grad, (backward), clip, step."""

    def __init__(self, model: nn.Module, config: TrainConfig, steps: int) -> None:
        """`steps` are those of the whole training."""
        self.config, self.steps, self.done = config, steps, 0
        self.adam = AdamW(dict(model.named_parameters()), _decayed(model), config.weight_decay)
        self.all_weights = list(self.adam.weights.values())

    def zero_grad(self) -> None:
        self.adam.zero_grad()

    def step(self) -> None:
        """One step down the gradients that the weights hold, at the rate of this step of the training."""
        self.adam.step(learning_rate_at(self.done, self.steps, self.config))
        self.done += 1

    def clip(self) -> None:
        """Gradients whose norm together is above `clip` are scaled down to it (Pascanu et al. 2013, algorithm 1)."""
        if not self.config.clip:
            return
        gradients = [weight.grad for weight in self.all_weights if weight.grad is not None]
        if gradients[0].device.type != "cpu":  # a GPU would have to wait for the answer, and takes all norms at once
            nn.utils.clip_grads_with_norm_(self.all_weights, self.config.clip, nn.utils.get_total_norm(gradients))
            return
        # Products with itself: BLAS reads a gradient twice as fast as torch's norms do.
        norm = torch.stack([torch.dot(part, part) for part in (one.reshape(-1) for one in gradients)]).sum().sqrt()
        if not norm <= self.config.clip:  # a product with 1 would be a pass over all gradients
            nn.utils.clip_grads_with_norm_(self.all_weights, self.config.clip, norm)

    def tensors(self) -> dict[str, Tensor]:
        """AdamW's moments and step counts by weight name."""
        return {f"{name}/{part}": value for name, state in self.adam.state.items() for part, value in state.items()}

    def set_tensors(self, tensors: dict[str, Tensor], done: int) -> None:
        """Go on with moments from `tensors` after so many steps."""
        self.done = done
        for name, weight in self.adam.weights.items():
            parts = {key.rpartition("/")[2]: value for key, value in tensors.items() if key.rpartition("/")[0] == name}
            if parts:
                # Torch allocates anew, aligned as in an undisturbed run.
                self.adam.state[name] = {part: value.to(weight.device, copy=True) for part, value in parts.items()}


def _decayed(model: nn.Module) -> set[str]:
    """Names of the weights that decay: matrices and filters, but no embeddings, biases or norms."""
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return {
        name
        for name, weight in model.named_parameters()
        if weight.ndim >= 2 and id(weight) not in embeddings and not name.endswith(".symbols")
    }
