"""Successive halving: all candidates for a few epochs, the best third for more, the best one for all epochs.

In: candidates, a plan. Out: the same candidates, with trials and states. Promise: only scores at the same rung decide
which candidates continue; time saved by early stopping lets more than a third continue, and then lets candidates be
tried that the plan left out. Jamieson and Talwalkar 2016.
"""

from __future__ import annotations

import math

from seqcls.search.bench import Bench, try_candidate
from seqcls.search.candidate import Candidate, make_candidate
from seqcls.search.folds import Judging
from seqcls.search.judging import plan_epochs
from seqcls.search.plan import ETA, Costs, Plan, rung_epochs


def halve(bench: Bench, running: list[Candidate], plan: Plan, judging: Judging, costs: list[Costs]) -> None:
    """Run all rungs; `costs` are those of one fold."""
    seconds = {cost.name: cost.seconds for cost in costs}
    for number, rung in enumerate(plan.rungs):
        training = bench.fitting
        for candidate in running:
            whole, epochs = plan.epochs[candidate.name], rung_epochs(plan.epochs[candidate.name], rung)
            # To train the chosen model: anew after folds; on the validation split it continues from this rung.
            training = max(training, seconds[candidate.name] * (whole if judging.crossed else whole - epochs))
            bench.clock.reserve(training)
            try_candidate(bench, candidate, judging, epochs)
        running = sorted((one for one in running if one.state == "running"), key=rank)
        if number + 1 == len(plan.rungs):
            return
        keep = survivors(bench, running, plan, rung, judging, costs)
        for candidate in running[keep:]:
            candidate.state = f"stopped after {candidate.trials[0].facts.epochs} of {candidate.most_epochs} epochs"
        running = running[:keep]


def try_left_out(bench: Bench, candidates: list[Candidate], judging: Judging, costs: list[Costs]) -> None:
    """Those that the plan had no time for, one by one, while there is time after all."""
    for cost in costs:
        candidate = next(one for one in candidates if one.name == cost.name)
        if candidate.trials or not candidate.left_out:
            continue
        bench.clock.reserve(0.0)
        plan = plan_epochs(bench, judging, [cost], f"plan-{cost.name}", any_length=False)
        if plan.epochs:
            candidate.pipeline = make_candidate(candidate.preset, bench.pipeline, plan.epochs[cost.name]).pipeline
            halve(bench, [candidate], plan, judging, costs)
        else:
            candidate.state = f"not tried: {plan.left_out[cost.name]}"


def survivors(
    bench: Bench, ranked: list[Candidate], plan: Plan, rung: float, judging: Judging, costs: list[Costs]
) -> int:
    """How many candidates continue: a third, or more if their remaining work fits into the remaining time."""
    keep = math.ceil(len(ranked) / ETA)
    needed = 0.0
    seconds = {cost.name: cost.seconds for cost in costs}
    for number, candidate in enumerate(ranked, start=1):
        epochs = plan.epochs[candidate.name]
        needed += len(judging.folds) * seconds[candidate.name] * (epochs - rung_epochs(epochs, rung))
        if needed <= bench.clock.left:
            keep = max(keep, number)
    return keep


def rank(candidate: Candidate) -> tuple[float, float]:
    """The best first; ties go to the lower log loss."""
    return -(candidate.score or 0.0), candidate.log_loss
