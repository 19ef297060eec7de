"""How far a budget goes: epochs for each candidate, who is tried, in how many rungs.

In: seconds an epoch of each candidate, measured; the seconds that are left. Out: `Plan`. Promise: by the measured
rates the plan fits; where it cannot, the last of the list are left out and named, not started and thrown away.
Successive halving: Jamieson and Talwalkar 2016; eta = 3 as Li et al. 2018 (Hyperband) recommend. What is halved is the
number of candidates, what grows is the number of epochs; one schedule of the learning rate spans all rungs, so that
going on from a checkpoint is what an undisturbed training would have done.
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
from seqcls.training.epochs import Run
from seqcls.training.seeding import choose_device, reproducible, threads_of

ETA = 3
RUNGS = ((1 / ETA**2, 1 / ETA, 1.0), (1 / ETA, 1.0), (1.0,))
"""Shares of a candidate's epochs that the rungs reach: the first of these ways whose first rung is long enough."""
FIRST_STEPS, ALL_STEPS = 100, 300
"""Fewest steps of the first rung, and of a whole training that is shorter than its preset asks for: fewer would compare
how fast candidates start. Where time is short there are then rather fewer candidates."""
SHARES = tuple(share / 20 for share in range(20, 0, -1))


@dataclass(frozen=True)
class Costs:
    """What a candidate needs on one fold."""

    name: str
    epochs: int
    """Most, by its preset."""
    seconds: float
    """Of one epoch, validation included."""
    steps: int
    """Of one epoch."""


class Plan(BaseModel):
    """Kept in the search's folder: a search that goes on keeps its plan, though the clock would give another now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: dict[str, int]
    """Of a whole training of each candidate that is tried, in the order of the list."""
    rungs: tuple[float, ...]
    left_out: dict[str, str]
    """Name -> why there is no time for it."""


def make_plan(costs: Sequence[Costs], folds: int, seconds: float, after: float) -> Plan:
    """`after` is the training of what is chosen, as a share of a whole training on one fold; 0 where it goes on."""
    tried = list(costs)
    while tried:
        whole = {cost.name: cost.epochs for cost in tried}
        if planned_seconds(tried, whole, (1.0,), folds, after) <= seconds:
            return Plan(epochs=whole, rungs=(1.0,), left_out=_left_out(costs, tried, seconds))
        for share in SHARES:
            epochs = {cost.name: max(round(cost.epochs * share), 1) for cost in tried}
            enough = share == 1.0 or all(epochs[cost.name] * cost.steps >= ALL_STEPS for cost in tried)
            rungs = _rungs(tried, epochs)
            if (enough or len(tried) == 1) and planned_seconds(tried, epochs, rungs, folds, after) <= seconds:
                return Plan(epochs=epochs, rungs=rungs, left_out=_left_out(costs, tried, seconds))
        tried.pop()
    return Plan(epochs={}, rungs=(1.0,), left_out=_left_out(costs, tried, seconds))


def _rungs(tried: Sequence[Costs], epochs: dict[str, int]) -> tuple[float, ...]:
    """As many rungs as the first of them has steps to tell candidates apart."""
    for rungs in RUNGS:
        if all(rung_epochs(epochs[cost.name], rungs[0]) * cost.steps >= FIRST_STEPS for cost in tried):
            return rungs
    return RUNGS[-1]


def planned_seconds(
    tried: Sequence[Costs], epochs: dict[str, int], rungs: Sequence[float], folds: int, after: float
) -> float:
    """Time of a whole search; who survives is not known, so later rungs count with the mean over all candidates."""
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
    """Epochs that a rung reaches: at least one."""
    return max(math.ceil(epochs * rung - 1e-9), 1)


def seconds_an_epoch(pipeline: Pipeline, encoded: Ref, store: ArtefactStore, most_seconds: float) -> tuple[float, int]:
    """(seconds, steps) of an epoch, measured on some steps of a network that is thrown away, the first not counted."""
    device = choose_device()
    with reproducible(pipeline.seed, threads_of(pipeline.train), device):
        run = Run(encoded, pipeline, device, checkpoints.folder_of(store, encoded, pipeline) / "probe")
        run.model.train()
        began = first = time.perf_counter()
        rows = counted = 0
        for number, batch in enumerate(run.train_batches.iterate(0)):
            loss = run.objective(run.model(batch.to(device)), batch.labels.to(device))
            run.optimiser.step(loss / len(batch), number)
            loss.item()  # waits for a GPU
            rows += len(batch)
            if number == 0:
                first, counted = time.perf_counter(), rows
            elif time.perf_counter() - began > most_seconds:
                break
        now = time.perf_counter()
        timed = rows - counted
        each = (now - first) / timed if timed else (now - began) / max(rows, 1)
    # Measuring goes forward only: about a third of the work of a training row.
    return each * (len(run.train_batches.split) + len(run.valid_batches.split) / 3), run.train_batches.steps


def _left_out(costs: Sequence[Costs], tried: Sequence[Costs], seconds: float) -> dict[str, str]:
    names = {cost.name for cost in tried}
    return {
        cost.name: f"an epoch takes {cost.seconds:.2g} s, and {seconds:.0f} s were left for all"
        for cost in costs
        if cost.name not in names
    }
