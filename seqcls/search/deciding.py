"""Choose a candidate, and record why.

In: candidates that were tried. Out: `Search`. Promise: the highest score on the same rows wins; ties go to the lower
log loss. A network wins only if the 95 % interval of its difference from the best fitted family is above zero: within
noise, the simpler model is taken, which is trained in seconds and depends less on the seed.
"""

from __future__ import annotations

from seqcls.errors import DataRefused
from seqcls.evaluation.intervals import Figure
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
    best = choose(judged, judging, metric)
    ordered = [best, *(one for one in judged if one is not best)]
    tried = [one.describe(judging, metric, best) for one in [*ordered, *others]]
    rows = len(best.pooled(judging)[0])
    return Search(
        metric=metric,
        budget_seconds=bench.clock.budget,
        seconds=bench.clock.spent,
        judged=judging.why,
        rows=rows,
        chosen=best.name,
        why=_why(ordered, judged[0] is best, judging, bench),
        candidates=tried,
        pin=pin(best.pipeline),
    )


def choose(judged: list[Candidate], judging: Judging, metric: Figure) -> Candidate:
    """Of candidates in the order of their scores: the first that is fitted, or better than that by more than noise."""
    simple = next((one for one in judged if one.preset.is_fitted), judged[0])
    return next(one for one in judged if one is simple or one.ahead_of(simple, judging, metric)[0] > 0)


def seconds_for_whole(chosen: Candidate) -> float:
    """What a training without validation rows takes longer than one fit, which is needed anyway."""
    fits = chosen.preset.model.fits_without_validation(chosen.trials[0].facts.train_rows)
    return 0.0 if fits == 1 else fits * max(trial.facts.seconds for trial in chosen.trials)


def _why(judged: list[Candidate], is_highest: bool, judging: Judging, bench: Bench) -> str:
    """In one sentence: the score, the runner-up, and whether the difference is noise; the chosen one is first."""
    metric, best = bench.pipeline.promote.compare, judged[0]
    place = f"the highest of {len(judged)}" if is_highest else "the simplest of those within noise of the highest"
    text = f"{metric} {best.score:.4f}, {place}"
    rivals = [*judged[1:2], *(one for one in judged[2:] if one.preset.reference)]
    for rival in rivals:
        low, high = best.ahead_of(rival, judging, metric)
        noise = "within noise" if low <= 0 <= high else "more than noise"
        reference = ", the reference" if rival.preset.reference else ""
        text += f"; {rival.name}{reference}: {rival.score:.4f} (difference {low:+.4f} to {high:+.4f}, {noise})"
    return text
