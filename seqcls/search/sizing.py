"""How many training rows a fitted family learns from, so that its fit takes no more than its share of the budget.

In: the fitted candidates. Out: the same, some with `model.most_rows`. Promise: the reference is fitted, whatever the
budget; a sample holds the same share of every class. A fit cannot be stopped and continued, and how its time grows with
the rows depends on the data and the family (a ridge regression: with the third power), so it is measured: on a few
rows, then on twice as many, as long as the last two say that there is time for the next.
"""

from __future__ import annotations

import json

import numpy as np

from seqcls.data.encoded_split import EncodedSplit
from seqcls.search.bench import Bench, TrialListener
from seqcls.search.candidate import Candidate
from seqcls.search.clock import TimeIsUp
from seqcls.search.folds import Judging
from seqcls.search.trial import read_json, run_trial
from seqcls.store.durable import replace_text

FIRST_POSITIONS, FIRST_ROWS = 1 << 19, (16, 1_000)
"""What the first fit learns from: rows with so many positions in all; fewest and most rows."""
SHARE = 0.2
"""Of the budget, for one fit: there are those that measure, those of the candidates, and that of the chosen model."""
GROWTH = 4.0
"""How much longer than this doubling the next one may take, compared with what this one added."""
WHY = "more would take too large a part of the budget"


def limit_rows(bench: Bench, candidates: list[Candidate], whole: Judging) -> list[Candidate]:
    """The candidates, with fewer rows where all would take too long; a search that is resumed remembers them."""
    path = bench.root / "rows.json"
    known = read_json(path)
    limits: dict[str, int | None] = {} if known is None else known
    for candidate in candidates:
        family = candidate.preset.model.family
        if candidate.preset.is_fitted and family not in limits:
            limits[family] = most = _affordable_rows(bench, candidate, whole)
            if most is not None:
                bench.listener.note(f"auto: {family} learns from {most:,} of {whole.rows:,} rows: {WHY}")
    replace_text(path, json.dumps(limits))
    return [candidate.with_rows(limits.get(candidate.preset.model.family)) for candidate in candidates]


def _affordable_rows(bench: Bench, candidate: Candidate, whole: Judging) -> int | None:
    """The rows of the last fit if the next, of twice as many, would take more than its share; None: all rows."""
    pipeline, allowed = candidate.pipeline, SHARE * bench.clock.budget
    rows = EncodedSplit.open(whole.folds[0].encoded.of(pipeline.encode), "train")
    total = min(len(rows), getattr(pipeline.model, "most_rows", None) or len(rows))
    size, last = int(np.clip(FIRST_POSITIONS / max(float(np.mean(rows.lengths)), 1.0), *FIRST_ROWS)), 0.0
    while size < total:
        listener = TrialListener(bench, f"{candidate.name}, {size:,} rows", patient=not last)
        try:
            trial = run_trial(candidate.with_rows(size).pipeline, whole.folds[0], 1, bench.trials, listener)
        except TimeIsUp:
            return size // 2
        seconds = trial.facts.seconds
        added = seconds - last if last else 0.0  # the first one: mostly what the validation rows cost
        if seconds + GROWTH * added > allowed:
            return size
        size, last = 2 * size, seconds
    return None
