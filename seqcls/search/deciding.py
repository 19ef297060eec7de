"""Choose a candidate, and record why.

In: candidates that were tried. Out: `Search`. Promise: the highest score on the same rows wins, whatever the family;
ties go to the lower log loss. The record says if a difference is within noise, but the choice ignores that: if you
prefer the simpler model, set it in [model].
"""

from __future__ import annotations

from seqcls.errors import DataRefused
from seqcls.evaluation.tried import Search
from seqcls.search.bench import Bench
from seqcls.search.candidate import Candidate, pin
from seqcls.search.folds import Judging
from seqcls.search.halving import rank


def decide(bench: Bench, candidates: list[Candidate], judging: Judging) -> Search:
    """The candidate with the best score."""
    metric = bench.pipeline.promote.compare
    judged = sorted((one for one in candidates if one.scores), key=rank)
    others = [one for one in candidates if not one.scores]
    if not judged:
        raise DataRefused(
            f"no candidate could be judged ({'; '.join(f'{one.name}: {one.state}' for one in others)})",
            where="model.family",
            expected="at least one candidate that trains on these rows",
            next_step="raise train.budget, or choose a family in [model]",
        )
    best = judged[0]
    tried = [one.describe(judging, metric, best) for one in [*judged, *others]]
    rows = len(best.pooled(judging)[0])
    return Search(
        metric=metric,
        budget_seconds=bench.clock.budget,
        seconds=bench.clock.spent,
        judged=judging.why,
        rows=rows,
        chosen=best.name,
        why=_why(best, judged, judging, bench),
        candidates=tried,
        pin=pin(best.pipeline),
    )


def time_for_whole(bench: Bench, chosen: Candidate) -> bool:
    """Whether the remaining budget is enough for a training without validation rows; one fit is needed anyway."""
    fits = chosen.preset.model.fits_without_validation(chosen.trials[0].facts.train_rows)
    fit = max(trial.facts.seconds for trial in chosen.trials)
    return fits == 1 or fit * fits <= bench.clock.budget - bench.clock.spent


def _why(best: Candidate, judged: list[Candidate], judging: Judging, bench: Bench) -> str:
    """In one sentence: the score, the runner-up, and whether the difference is more than noise."""
    metric = bench.pipeline.promote.compare
    text = f"{metric} {best.score:.4f}, the highest of {len(judged)}"
    rivals = [*judged[1:2], *(one for one in judged[2:] if one.preset.reference)]
    for rival in rivals:
        low, high = best.ahead_of(rival, judging, metric)
        noise = "within noise" if low <= 0 else "more than noise"
        reference = ", the reference" if rival.preset.reference else ""
        text += f"; {rival.name}{reference}: {rival.score:.4f} (difference {low:+.4f} to {high:+.4f}, {noise})"
    return text
