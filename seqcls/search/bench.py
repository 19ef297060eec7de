"""What the steps of a search share: its folder, its finished trials, its clock, its listener.

In: a candidate, folds, an epoch. Out: the candidate with new trials. Promise: an error of one candidate is recorded as
its state and does not stop the others; only the reference is always judged, whatever the clock says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from seqcls.config.pipeline import Pipeline
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.listener import Listener, Progress
from seqcls.search.candidate import Candidate
from seqcls.search.clock import Clock, TimeIsUp
from seqcls.search.folds import Judging
from seqcls.search.trial import TrialStore, run_trial


@dataclass
class Bench:
    """One search in one process."""

    pipeline: Pipeline
    root: Path
    trials: TrialStore
    clock: Clock
    listener: Listener
    fitting: float = 0.0
    """Seconds of the slowest fit on one fold: training it again takes as long."""


@dataclass(frozen=True)
class TrialListener(Listener):
    """Passes on the progress of a trial under its name, and ends the trial when the time is up."""

    bench: Bench
    trial: str
    patient: bool = False
    """Whether the trial goes on after the time is up."""

    def progress(self, at: Progress) -> None:
        self.bench.listener.progress(replace(at, trial=self.trial))
        try:
            self.bench.clock.check()
        except TimeIsUp:
            if not self.patient:
                raise


def try_candidate(bench: Bench, candidate: Candidate, judging: Judging, epochs: int) -> None:
    """Train a candidate on every fold, up to some epoch; an error is recorded, unless it is the baseline."""
    trials = []
    try:
        for number, fold in enumerate(judging.folds, start=1):
            label = f"{candidate.name}, fold {number} of {len(judging.folds)}" if judging.crossed else candidate.name
            listener = TrialListener(bench, label, patient=candidate.preset.reference)
            trials.append(run_trial(candidate.pipeline, fold, epochs, bench.trials, listener))
            bench.clock.write()
    except TimeIsUp:
        candidate.state = "stopped: the budget was spent" if candidate.scores else "not tried: the budget was spent"
        return
    except (DataRefused, ConfigRefused) as error:
        if candidate.preset.reference:
            raise
        candidate.state = f"failed: {error.found}"
        return
    candidate.take(trials, judging, bench.pipeline.promote.compare)
    if candidate.preset.is_fitted:
        bench.fitting = max(bench.fitting, *(trial.facts.seconds for trial in trials))
    candidate.state = "finished" if all(trial.facts.finished for trial in trials) else "running"
    reached = max(trial.facts.epochs for trial in trials)
    after = "" if candidate.preset.is_fitted else f" after {reached} of {candidate.most_epochs} epochs"
    bench.listener.note(
        f"auto: {candidate.name}: {bench.pipeline.promote.compare} {candidate.score:.4f}{after}, "
        f"{candidate.seconds:.1f} s; {bench.clock.left:.0f} s left"
    )
