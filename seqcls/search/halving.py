"""Successive halving: all candidates for a few epochs, the best third for more, the best one for all epochs.

In: candidates, a plan. Out: the same candidates, with trials and states. Promise: only scores at the same rung decide
which candidates continue; time saved by early stopping lets more than a third continue. Jamieson and Talwalkar 2016.
"""

from __future__ import annotations

import math

from seqcls.search.bench import Bench, try_candidate
from seqcls.search.candidate import Candidate
from seqcls.search.folds import Judging
from seqcls.search.plan import ETA, Costs, Plan, rung_epochs


def halve(bench: Bench, running: list[Candidate], plan: Plan, judging: Judging, costs: list[Costs]) -> None:
    """Run all rungs; `costs` are those of one fold."""
    for number, rung in enumerate(plan.rungs):
        is_last = number + 1 == len(plan.rungs)
        if is_last and not judging.crossed:
            bench.clock.reserve(
                bench.fitting
            )  # this is the training of the chosen model: it may use the rest of the budget
        for candidate in running:
            try_candidate(bench, candidate, judging, rung_epochs(plan.epochs[candidate.name], rung))
        running = sorted((one for one in running if one.state == "running"), key=rank)
        if is_last:
            return
        keep = survivors(bench, running, plan, rung, judging, costs)
        for candidate in running[keep:]:
            candidate.state = f"stopped after {candidate.trials[0].facts.epochs} of {candidate.most_epochs} epochs"
        running = running[:keep]


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
