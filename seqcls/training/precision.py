"""Training in bfloat16: how a step is computed, and whether it is worth it here and safe.

In: a network, its objective, its first batches. Out: `Precision`: what is used, and why, in a line. Promise: weights,
optimiser, statistics of batch normalisation, loss and validation are float32 always; only the products of the forward
pass and their gradients are not. A trial leaves network and random state as they were, and its answer is kept with the
checkpoints, since another machine, or this one on another day, might answer otherwise. bfloat16: Kalamkar et al. 2019,
"A study of BFLOAT16 for deep learning training"; float32 beside it: Micikevicius et al. 2018, section 3.1.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from itertools import islice
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from seqcls.batch import Batch
from seqcls.batches import Batches
from seqcls.config.train import TrainConfig
from seqcls.models.bf16 import has_bf16
from seqcls.training.optimisation import Objective, Optimiser
from seqcls.training.seeding import random_state, set_random_state

Name = Literal["float32", "bfloat16"]
WARM_UP, TIMED = 2, 12  # steps of a trial: the first ones choose kernels and allocate
WORTH = 10  # a trial takes twice its steps; a training of fewer than so many trials is not made shorter by one
FASTER = 1.1  # as in the race of engines: less is within the noise of a busy machine
SAFE = 0.02  # largest difference of the mean losses, as a share; bfloat16 rounds a number by 0.4 % at most
_log = logging.getLogger(__name__)


class Precision(BaseModel):
    """What a training computes in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used: Name = "float32"
    why: str = ""
    """What the trial of `train.precision = "auto"` found, in a line."""


class InBfloat16(nn.Module):
    """A network whose products are computed in bfloat16; its logits are float32."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.network, self.device_type = network, device.type

    def forward(self, batch: Batch) -> Tensor:
        with torch.autocast(self.device_type, torch.bfloat16):
            logits: Tensor = self.network(batch)
        return logits.float()


def in_precision(model: nn.Module, used: Name, device: torch.device) -> nn.Module:
    """The network to train with; the weights are those of `model`."""
    return InBfloat16(model, device) if used == "bfloat16" else model


def choose_precision(
    config: TrainConfig, model: nn.Module, objective: Objective, first: list[Batch], steps: int, device: torch.device
) -> Precision:
    """What was asked for; for "auto" bfloat16 where it has instructions, is faster and gives the same losses.

    `first` are the first batches of a training of so many steps.
    """
    if config.precision != "auto":
        if config.precision == "bfloat16" and not has_bf16(device):
            _log.warning("train.precision: this %s imitates bfloat16, slower than float32", device.type)
        return Precision(used=config.precision)
    if not has_bf16(device):
        return Precision(why=f"float32: this {device.type} has no instructions for bfloat16")
    if steps < WORTH * (WARM_UP + TIMED):
        return Precision(why=f"float32: {steps} steps at most are too few to be worth a trial of bfloat16")
    before = random_state(device)
    try:
        return judge(*run_trial(config, model, objective, first, device))
    finally:
        set_random_state(before, device)


def first_batches(batches: Batches) -> list[Batch]:
    """Those that training begins with, from the next epochs too where one has too few."""

    def every() -> Iterator[Batch]:
        for epoch in range(WARM_UP + TIMED):
            yield from batches.iterate(epoch)

    return list(islice(every(), WARM_UP + TIMED))


def run_trial(
    config: TrainConfig, model: nn.Module, objective: Objective, batches: list[Batch], device: torch.device
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Losses and seconds of each step, of float32 and of bfloat16: (losses, losses, seconds, seconds).

    Two copies take the same steps in turn, each with the same dropout, so that what else the machine does hits both.
    """
    losses: tuple[list[float], list[float]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    sides = []
    for used in ("float32", "bfloat16"):
        own = copy.deepcopy(model)
        sides.append((in_precision(own, used, device).train(), Optimiser(own, config, config.epochs * len(batches))))
    for number, batch in enumerate(batches):
        drawn = random_state(device)
        for side, (network, optimiser) in enumerate(sides):
            set_random_state(drawn, device)
            began = time.perf_counter()
            on_device = batch.to(device)
            loss = objective(network(on_device), on_device.labels) / len(batch)
            optimiser.step(loss, number)
            losses[side].append(loss.item())  # waits for a GPU
            seconds[side].append(time.perf_counter() - began)
    return losses[0], losses[1], seconds[0], seconds[1]


def judge(plain: list[float], lower: list[float], plain_seconds: list[float], lower_seconds: list[float]) -> Precision:
    """bfloat16 only where it is faster and as right; the figures are kept in the answer."""
    if not np.isfinite([*plain, *lower]).all():
        return Precision(why="float32: a loss of the trial of bfloat16 was not finite")
    ratio = float(np.median(np.divide(plain_seconds, lower_seconds)[WARM_UP:]))
    difference = abs(float(np.mean(lower) - np.mean(plain))) / max(abs(float(np.mean(plain))), 1e-9)
    used: Name = "bfloat16" if ratio >= FASTER and difference <= SAFE else "float32"
    return Precision(
        used=used,
        why=f"{used}: bfloat16 was {ratio:.2f} times as fast in {len(plain) - WARM_UP} steps (at least {FASTER} is "
        f"asked for), its losses differed by {difference:.2%} (at most {SAFE:.0%})",
    )
