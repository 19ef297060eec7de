"""Trials: some ways to take the first steps of a training, taken in turn on copies.

In: a network, its objective, its first batches, `Way`s. Out: losses and seconds of each step, for each way. Promise:
the network, the random state and the number of threads are left as they were; what else the machine does meets all
ways alike.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import nn

from seqcls.config.train import TrainConfig
from seqcls.data.batch import Batch
from seqcls.data.batches import Batches
from seqcls.training.optimisation import Objective, Optimiser
from seqcls.training.precision import Name, in_precision
from seqcls.training.seeding import random_state, set_random_state

WORTH = 5  # a training of fewer than so many times the steps of a trial is hardly made shorter by it
FASTER = 1.1  # as in the race of engines: less is within the noise of a busy machine
STEPS_A_TURN = 2  # the last one is timed: the first with another number of threads starts or ends some
WARM_UP, TIMED = 2, 6  # steps of a way: the first ones choose kernels and allocate
STEPS = WARM_UP + TIMED * STEPS_A_TURN  # of a way in all


@dataclass(frozen=True)
class Way:
    """How steps are taken; 0 threads: as many as there are."""

    precision: Name = "float32"
    threads: int = 0


@dataclass
class Taken:
    """What became of each step of a way."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def first_batches(batches: Batches) -> list[Batch]:
    """Those that training begins with, from the next epochs too where one has too few."""

    def every() -> Iterator[Batch]:
        for epoch in range(STEPS):
            yield from batches.iterate(epoch)

    return list(islice(every(), STEPS))


def is_worth(steps: int, ways: int) -> bool:
    """Whether a training of so many steps is long enough for a trial."""
    return steps >= WORTH * ways * STEPS


def take_turns(
    config: TrainConfig, model: nn.Module, objective: Objective, batches: list[Batch], ways: Sequence[Way],
    device: torch.device,
) -> list[Taken]:  # fmt: skip
    """Each way on a copy of its own, with the same dropout."""
    before, threads = random_state(device), torch.get_num_threads()
    sides = [Side(config, copy.deepcopy(model), way, len(batches), device) for way in ways]
    try:
        for start in range(0, len(batches), STEPS_A_TURN):
            turn = batches[start : start + STEPS_A_TURN]
            drawn = random_state(device)
            for side in sides:
                set_random_state(drawn, device)
                torch.set_num_threads(side.way.threads or threads)
                side.step(turn, objective, start)
    finally:
        torch.set_num_threads(threads)
        set_random_state(before, device)
    return [side.taken for side in sides]


class Side:
    """A copy of the network, on its way."""

    def __init__(self, config: TrainConfig, model: nn.Module, way: Way, steps: int, device: torch.device) -> None:
        self.way, self.device, self.taken = way, device, Taken()
        self.network = in_precision(model, way.precision, device).train()
        self.optimiser = Optimiser(model, config, config.epochs * steps)

    def step(self, batches: list[Batch], objective: Objective, first: int) -> None:
        for number, batch in enumerate(batches, start=first):
            began = time.perf_counter()
            on_device = batch.to(self.device)
            loss = objective(self.network(on_device), on_device.labels) / len(batch)
            self.optimiser.step(loss, number)
            self.taken.losses.append(loss.item())  # waits for a GPU
            self.taken.seconds.append(time.perf_counter() - began)


def times_as_fast(way: Taken, other: Taken) -> float:
    """The median over the turns after the warm-up, each last step with the same one of the other way."""
    return float(np.median(np.divide(other.seconds, way.seconds)[WARM_UP + STEPS_A_TURN - 1 :: STEPS_A_TURN]))
