"""What a search measures before it begins: speeds, and by which rows to judge; and the plan that follows from them.

In: candidates. Out: seconds an epoch, `Judging`, `Plan`. Promise: each is written down at once, so that a search that
goes on after a kill does what it had planned, though the clock would give other numbers now.
"""

from __future__ import annotations

import json

from seqcls.artefacts import Ref
from seqcls.errors import ConfigRefused
from seqcls.search.bench import Bench, write_whole
from seqcls.search.candidate import Candidate
from seqcls.search.folds import Judging, judge_by_validation, make_folds, small_enough
from seqcls.search.plan import RUNGS, Costs, Plan, make_plan, planned_seconds, seconds_an_epoch
from seqcls.search.trial import read_json, run_trial

MOST_SHARE = 0.8
"""Folds are made only if, at half the epochs, all trials fit into this share of the budget."""
PROBE_SECONDS, PROBES = 2.0, 30
"""Measuring a candidate's speed takes at most so long, and all of them together a thirtieth of the budget."""


def measure_speeds(bench: Bench, encoded: Ref, candidates: list[Candidate]) -> dict[str, float]:
    """Seconds an epoch of each candidate that is trained in epochs; measured once a search."""
    path = bench.root / "speed.json"
    known = read_json(path)
    if known is not None:
        return {name: float(str(value)) for name, value in known.items()}
    limit = min(PROBE_SECONDS, bench.clock.budget / PROBES / len(candidates))
    seconds = {}
    for candidate in candidates:
        if candidate.preset.is_fitted:
            continue
        try:
            seconds[candidate.name] = seconds_an_epoch(candidate.pipeline, encoded, bench.trials.store, limit)
        except ConfigRefused as error:  # a preset that does not suit these inputs
            candidate.state = f"not tried: {error.found}"
        bench.clock.write()
    write_whole(path, json.dumps(seconds))
    return seconds


def choose_judging(bench: Bench, encoded: Ref, candidates: list[Candidate], seconds: dict[str, float]) -> Judging:
    """Folds where rows are few and the budget allows it; the first fold of the baseline tells what fitting takes."""
    path = bench.root / "judging.json"
    small, why = small_enough(encoded, bench.pipeline)
    known = read_json(path)
    if known is not None:
        small, why = bool(known["folds"]), str(known["why"])
    if not small:
        return judge_by_validation(encoded, why)
    judging = make_folds(encoded, bench.trials.store, bench.pipeline.seed, why)
    if known is None:
        needed = _needed_for_folds(bench, candidates, judging, seconds)
        if needed > MOST_SHARE * bench.clock.left:
            small, why = False, f"{why}, but folds would take {needed:.0f} s of {bench.clock.left:.0f}"
        write_whole(path, json.dumps({"folds": small, "why": why}))
    return judging if small else judge_by_validation(encoded, why)


def _needed_for_folds(bench: Bench, candidates: list[Candidate], judging: Judging, seconds: dict[str, float]) -> float:
    """Seconds of all trials on all folds, with half the epochs."""
    costs = _costs(candidates, seconds)
    total = 0.0
    for candidate in (one for one in candidates if one.preset.linear):
        trial = run_trial(
            candidate.pipeline, judging.folds[0], 1, bench.trials, bench.watch(candidate.name, patient=True)
        )
        total += trial.facts.seconds * len(judging.folds)
    half = {cost.name: max(cost.epochs // 2, 1) for cost in costs}
    return total + (planned_seconds(costs, half, RUNGS, len(judging.folds), 1.0) if costs else 0.0)


def plan_epochs(bench: Bench, candidates: list[Candidate], judging: Judging, seconds: dict[str, float]) -> Plan:
    """Made once a search, with the time that fitting has left."""
    path = bench.root / "plan.json"
    known = read_json(path)
    if known is not None:
        plan = Plan.model_validate_json(path.read_bytes())
    else:
        left = max(bench.clock.left - bench.fitting, 0.0)
        plan = make_plan(_costs(candidates, seconds), len(judging.folds), left, 1.0 if judging.crossed else 0.0)
        write_whole(path, plan.model_dump_json())
    training = max((seconds[name] * epochs for name, epochs in plan.epochs.items()), default=0.0)
    bench.clock.reserve(max(training, bench.fitting))
    return plan


def _costs(candidates: list[Candidate], seconds: dict[str, float]) -> list[Costs]:
    return [Costs(one.name, one.pipeline.train.epochs, seconds[one.name]) for one in candidates if one.name in seconds]
