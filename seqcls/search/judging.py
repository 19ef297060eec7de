"""What a search determines first: the speed of each candidate, the rows to judge by, and the plan.

In: candidates. Out: seconds per epoch, `Judging`, `Plan`. Promise: each is saved at once, so that a search that resumes
after a kill follows the same plan, although the clock would give other numbers now.
"""

from __future__ import annotations

import json

from seqcls.errors import ConfigRefused
from seqcls.search.bench import Bench, TrialListener
from seqcls.search.candidate import Candidate
from seqcls.search.encodings import Encodings
from seqcls.search.folds import Cut, Judging, judge_by_validation, make_folds, possible_cuts, worth_folding
from seqcls.search.plan import Costs, Plan, make_plan, seconds_an_epoch
from seqcls.search.trial import read_json, run_trial
from seqcls.store.durable import replace_text

MOST_SHARE = 0.9
"""Share of the remaining time that the plan for folds may use, since making folds takes time too."""
ENOUGH = 3
"""Number of networks (or all) that folds must leave time for; otherwise there are fewer folds."""
PROBED_BY = 0.5
"""Share of the budget after which no further candidate is measured: one step on long rows may take many seconds."""
FEW_ROWS = 200
"""Validation rows below which they are no judge: with 200, an accuracy of 0.85 has a standard error of 0.025. Folds of
the fitted families alone take seconds."""
PROBE_SECONDS, PROBES = 2.0, 30
"""Seconds to measure a candidate's speed, at most; all of them together take a thirtieth of the budget."""


def measure_speeds(bench: Bench, encoded: Encodings, candidates: list[Candidate]) -> list[Costs]:
    """Seconds and steps per epoch of each candidate that is trained in epochs; measured once per search."""
    path = bench.root / "speed.json"
    known = read_json(path)
    speeds = {} if known is None else {name: (float(one[0]), int(one[1])) for name, one in known.items()}
    limit = min(PROBE_SECONDS, bench.clock.budget / PROBES / len(candidates))
    for candidate in candidates:
        if candidate.preset.is_fitted or known is not None:
            continue
        if bench.clock.spent > PROBED_BY * bench.clock.budget:
            candidate.state = "not tried: the fits, and the first steps of the networks before it, took half the budget"
            continue
        try:
            speeds[candidate.name] = seconds_an_epoch(
                candidate.pipeline, encoded.of(candidate.pipeline.encode), bench.trials.store, limit
            )
        except ConfigRefused as error:  # a preset that does not suit these inputs
            candidate.state = f"not tried: {error.found}"
        bench.clock.write()
    replace_text(path, json.dumps(speeds))
    return [Costs(one.name, one.pipeline.train.epochs, *speeds[one.name]) for one in candidates if one.name in speeds]


def choose_judging(bench: Bench, encoded: Encodings, candidates: list[Candidate], costs: list[Costs]) -> Judging:
    """The most accurate folds that there is time for, if there are few rows; otherwise the validation split."""
    path = bench.root / "judging.json"
    known = read_json(path)
    if known is None:
        worth, why = worth_folding(encoded.own, bench.pipeline)
        cut = _affordable(bench, encoded, candidates, costs) if worth else None
        why += ", but the budget is too short for folds" if worth and cut is None else ""
        known = {"parts": cut.parts if cut else 0, "repeats": cut.repeats if cut else 0, "why": why}
        replace_text(path, json.dumps(known))
    if not known["parts"]:
        return judge_by_validation(encoded, str(known["why"]))
    cut = Cut(int(known["parts"]), int(known["repeats"]))
    return make_folds(encoded, bench.trials.store, bench.pipeline.seed, cut, str(known["why"]))


def _affordable(bench: Bench, encoded: Encodings, candidates: list[Candidate], costs: list[Costs]) -> Cut | None:
    """The most accurate folds with time for some networks; with few validation rows, for fitted families alone.

    By the measured speeds; the time of the fitted families is measured on the whole training split.
    """
    fitted = [one for one in candidates if one.preset.is_fitted]
    whole = judge_by_validation(encoded, "").folds[0]
    trials = [
        run_trial(one.pipeline, whole, 1, bench.trials, TrialListener(bench, one.name, patient=True)) for one in fitted
    ]
    each = sum(trial.facts.seconds for trial in trials)
    left = {cut: MOST_SHARE * bench.clock.left - each * (cut.folds + 1) for cut in possible_cuts(encoded.own)}
    affordable = [cut for cut in left if left[cut] > 0]
    for cut in affordable:
        if len(make_plan(costs, cut.folds, left[cut], 1.0).epochs) >= min(ENOUGH, len(costs)):
            return cut
    few = len(whole.rows) < FEW_ROWS
    return affordable[0] if few and affordable else None


def plan_epochs(
    bench: Bench, judging: Judging, costs: list[Costs], name: str = "plan", *, any_length: bool = True
) -> Plan:
    """Each made once per search, with the time that is left after fitting."""
    path = bench.root / f"{name}.json"
    if path.is_file():
        plan = Plan.model_validate_json(path.read_bytes())
    else:
        left = max(bench.clock.left - bench.fitting, 0.0)
        after = 1.0 if judging.crossed else 0.0
        plan = make_plan(costs, len(judging.folds), left, after, any_length=any_length)
        replace_text(path, plan.model_dump_json())
    return plan
