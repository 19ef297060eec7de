"""How to spend a budget: epochs per candidate, which candidates are tried, and the number of rungs.

In: the measured seconds per epoch of each candidate; the seconds that are left. Out: `Plan`. Promise: by the measured
speeds the plan fits; if it cannot, the last candidates of the list are left out and named, not started and discarded.
Successive halving: Jamieson and Talwalkar 2016; eta = 3 as recommended by Li et al. 2018 (Hyperband). The number of
candidates falls while the number of epochs grows; one learning rate schedule spans all rungs, so that resuming from a
checkpoint gives the same result as an uninterrupted training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from seqcls.config.pipeline import Pipeline
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training import checkpoints
from seqcls.training.run import Run
from seqcls.training.seeding import choose_device, reproducible, threads_of

ETA = 3
RUNGS = ((1 / ETA**2, 1 / ETA, 1.0), (1 / ETA, 1.0), (1.0,))
"""Shares of a candidate's epochs at each rung: the first of these schedules whose first rung is long enough."""
FIRST_STEPS, ALL_STEPS = 100, 300
"""Fewest steps of the first rung, and of a training that is shorter than its preset: fewer would only compare how fast
candidates start. If time is short, there are fewer candidates instead."""
SHARES = tuple(share / 20 for share in range(20, 0, -1))


@dataclass(frozen=True)
class Costs:
    """The cost of a candidate on one fold."""

    name: str
    epochs: int
    """At most, from its preset."""
    seconds: float
    """Of one epoch, including validation."""
    steps: int
    """Of one epoch."""


class Plan(BaseModel):
    """Stored in the search's folder: a resumed search keeps its plan, although the clock would give another one now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: dict[str, int]
    """Epochs of a whole training of each candidate, in the order of the list."""
    rungs: tuple[float, ...]
    left_out: dict[str, str]
    """Name -> why there is no time for it."""


def make_plan(costs: Sequence[Costs], folds: int, seconds: float, after: float, *, any_length: bool = True) -> Plan:
    """`after`: the training of the chosen model, as a share of a whole training on one fold; 0 if it only continues.

    `any_length`: a single candidate is tried even if there is no time for ALL_STEPS.
    """
    tried = list(costs)
    while tried:
        whole = {cost.name: cost.epochs for cost in tried}
        if planned_seconds(tried, whole, (1.0,), folds, after) <= seconds:
            return Plan(epochs=whole, rungs=(1.0,), left_out=_left_out(costs, tried, folds + after, seconds))
        for share in SHARES:
            epochs = {cost.name: max(round(cost.epochs * share), 1) for cost in tried}
            enough = share == 1.0 or all(epochs[cost.name] * cost.steps >= ALL_STEPS for cost in tried)
            rungs = _rungs(tried, epochs)
            enough |= any_length and len(tried) == 1
            if enough and planned_seconds(tried, epochs, rungs, folds, after) <= seconds:
                return Plan(epochs=epochs, rungs=rungs, left_out=_left_out(costs, tried, folds + after, seconds))
        tried.pop()
    return Plan(epochs={}, rungs=(1.0,), left_out=_left_out(costs, tried, folds + after, seconds))


def _rungs(tried: Sequence[Costs], epochs: dict[str, int]) -> tuple[float, ...]:
    """As many rungs as possible with enough steps in the first one."""
    for rungs in RUNGS:
        if all(rung_epochs(epochs[cost.name], rungs[0]) * cost.steps >= FIRST_STEPS for cost in tried):
            return rungs
    return RUNGS[-1]


def planned_seconds(
    tried: Sequence[Costs], epochs: dict[str, int], rungs: Sequence[float], folds: int, after: float
) -> float:
    """Time of a whole search; the survivors are not known, so later rungs count with the mean over all candidates."""
    total, before, share_left = 0.0, 0.0, 1.0
    for rung in rungs:
        every = [
            cost.seconds
            * (rung_epochs(epochs[cost.name], rung) - (rung_epochs(epochs[cost.name], before) if before else 0))
            for cost in tried
        ]
        running = max(math.ceil(len(tried) * share_left), 1)
        total += folds * sum(every) * running / len(tried)
        before, share_left = rung, share_left / ETA
    return total + after * max(cost.seconds * epochs[cost.name] for cost in tried)


def rung_epochs(epochs: int, rung: float) -> int:
    """Epochs at the end of a rung: at least one."""
    return max(math.ceil(epochs * rung - 1e-9), 1)


def seconds_an_epoch(pipeline: Pipeline, encoded: Ref, store: ArtefactStore, most_seconds: float) -> tuple[float, int]:
    """(seconds, steps) of an epoch, measured on a few steps of a temporary network, without the first step."""
    device = choose_device()
    with reproducible(pipeline.seed, threads_of(pipeline.train), device):
        run = Run(encoded, pipeline, device, checkpoints.folder_of(store, encoded, pipeline) / "probe")
        learner, data = run.learner, run.data
        learner.network.train()
        began = first = time.perf_counter()
        rows = counted = 0
        for number, batch in enumerate(data.train.iterate(0)):
            learner.optimiser.zero_grad()
            loss = learner.objective(learner.network(batch.to(device)), batch.labels.to(device)) / len(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            learner.optimiser.clip()
            learner.optimiser.step()
            loss.item()  # waits for the GPU
            rows += len(batch)
            if number == 0:
                first, counted = time.perf_counter(), rows
            elif time.perf_counter() - began > most_seconds:
                break
        now = time.perf_counter()
        timed = rows - counted
        each = (now - first) / timed if timed else (now - began) / max(rows, 1)
    # Validation is a forward pass only: about a third of the work of a training row.
    return each * (len(data.train.split) + len(data.valid.split) / 3), data.train.steps


def _left_out(costs: Sequence[Costs], tried: Sequence[Costs], times: float, seconds: float) -> dict[str, str]:
    among = f" for {len(tried) + 1} candidates" if tried else ""
    return {
        cost.name: f"training takes {times * cost.epochs * cost.seconds:.0f} s, and {seconds:.0f} s were left{among}"
        for cost in costs
        if cost not in tried
    }
