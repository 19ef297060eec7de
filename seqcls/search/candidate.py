"""A candidate of a search: its pipeline, its results, and how it compares with others.

In: trials. Out: score, log loss, predictions on the scored rows. Promise: all candidates are judged on the same rows,
each row scored once per repeat, with the metric that promotion compares (`promote.compare`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import to_jsonable_python

from seqcls.arrays import Integers
from seqcls.config.encode import TextEncode
from seqcls.config.pipeline import Pipeline
from seqcls.data.class_counts import count_classes, count_figures
from seqcls.evaluation.intervals import Figure, paired_difference
from seqcls.evaluation.probabilities import softmax
from seqcls.evaluation.tried import Tried
from seqcls.search.folds import Judging
from seqcls.search.presets import Preset, pipeline_of
from seqcls.search.trial import Trial

LEAST = np.finfo(np.float32).eps


@dataclass
class Candidate:
    preset: Preset
    pipeline: Pipeline
    state: str = "not tried"
    left_out: bool = False
    """Whether the plan has no time for it."""
    trials: tuple[Trial, ...] = ()
    """The newest trials, one per fold, in the order of the folds."""
    seconds: float = 0.0
    rows: int = 0
    """Training rows of all trials, counted once per epoch."""
    scores: list[float] = field(default_factory=list)
    """One per repeat."""
    log_loss: float = np.inf
    most_rows: int | None = None
    """Training rows, if the budget is too short for all of them."""

    @property
    def name(self) -> str:
        return self.preset.name

    @property
    def score(self) -> float | None:
        return float(np.mean(self.scores)) if self.scores else None

    @property
    def most_epochs(self) -> int:
        return 1 if self.pipeline.model.trained == "fit" else self.pipeline.train.epochs

    def with_rows(self, most: int | None) -> Candidate:
        """The candidate that learns from a sample of the training rows; None: from all that its preset allows."""
        if most is None:
            return self
        model = self.pipeline.model.model_copy(update={"most_rows": most})
        return Candidate(self.preset, self.pipeline.model_copy(update={"model": model}), most_rows=most)

    def take(self, trials: list[Trial], judging: Judging, metric: Figure) -> None:
        """Add new trials, one per fold: count their time and compute the score."""
        known = {trial.facts.key for trial in self.trials}
        fresh = [trial.facts for trial in trials if trial.facts.key not in known]
        self.seconds += sum(facts.seconds for facts in fresh)
        self.rows += sum(facts.train_rows for facts in fresh)
        self.trials = tuple(trials)
        judged = [self._judge(judging, repeat, metric) for repeat in _repeats(judging)]
        self.scores, self.log_loss = [score for score, _ in judged], float(np.mean([loss for _, loss in judged]))

    def _judge(self, judging: Judging, repeat: int, metric: Figure) -> tuple[float, float]:
        rows, logits = self.pooled(judging, repeat)
        labels, probabilities = judging.labels[rows], softmax(logits)
        own = np.nan_to_num(probabilities[np.arange(len(rows)), labels])
        score = _figure(labels, probabilities.argmax(axis=1), logits.shape[1], metric)
        return score, float(-np.log(np.maximum(own, LEAST)).mean())

    def pooled(self, judging: Judging, repeat: int = 0) -> tuple[Integers, npt.NDArray[np.float32]]:
        """(rows, logits) of every fold of a repeat, by row."""
        pairs = [(fold, trial) for fold, trial in zip(judging.folds, self.trials, strict=True) if fold.repeat == repeat]
        rows = np.concatenate([fold.rows for fold, _ in pairs])
        logits = np.concatenate([trial.logits for _, trial in pairs])
        order = np.argsort(rows)
        return rows[order], logits[order]

    def fold_scores(self, judging: Judging, metric: Figure) -> list[float]:
        return [
            _figure(judging.labels[fold.rows], trial.logits.argmax(axis=1), trial.logits.shape[1], metric)
            for fold, trial in zip(judging.folds, self.trials, strict=False)
        ]

    def describe(self, judging: Judging, metric: Figure, best: Candidate) -> Tried:
        """The candidate's line in the record."""
        judged = bool(self.scores)
        return Tried(
            name=self.name,
            family=self.preset.model.family,
            linear=self.preset.reference,
            state=self.state,
            epochs=max((trial.facts.epochs for trial in self.trials), default=0),
            most_epochs=self.most_epochs,
            most_rows=self.most_rows,
            score=self.score,
            log_loss=self.log_loss if judged else None,
            fold_scores=self.fold_scores(judging, metric),
            seconds=self.seconds,
            train_rows_per_second=self.rows / self.seconds if self.seconds else None,
            behind=best.ahead_of(self, judging, metric) if judged and self is not best else None,
        )

    def ahead_of(self, other: Candidate, judging: Judging, metric: Figure) -> tuple[float, float]:
        """95 % interval of the difference in score, on the same rows (of the first repeat)."""
        rows, mine = self.pooled(judging)
        theirs = other.pooled(judging)[1]
        found = paired_difference(judging.labels[rows], theirs.argmax(axis=1), mine.argmax(axis=1), metric)
        return found.low, found.high


def make_candidate(preset: Preset, pipeline: Pipeline, epochs: int | None = None) -> Candidate:
    """The pipeline with a preset instead of `auto`, and the epochs of the plan."""
    own = pipeline_of(preset, pipeline)
    if epochs is not None and not preset.is_fitted:
        own = own.model_copy(update={"train": own.train.model_copy(update={"epochs": epochs})})
    return Candidate(preset, own)


def pin(pipeline: Pipeline, *, split: bool = False) -> str:
    """[model], [train], [encode] and possibly [split] as TOML: what differs from the defaults."""
    lines: list[str] = []
    sections = {"model": pipeline.model, "train": pipeline.train, **({"split": pipeline.split} if split else {})}
    for name, section in sections.items():
        values: dict[str, Any] = to_jsonable_python(section.model_dump(exclude_defaults=True))
        if name == "model":
            values = {"family": pipeline.model.family, **values}
        if values:
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    encode = pipeline.encode.model_dump(exclude_defaults=True)
    if pipeline.model.text_unit and isinstance(pipeline.encode, TextEncode):
        # Left out, it would be the family's own, and another encoding is another model.
        encode |= {"unit": pipeline.encode.unit}
    if encode:
        lines += ["[encode]", *(f"{key} = {json.dumps(value)}" for key, value in encode.items())]
    return "\n".join(lines)


def _figure(labels: Integers, predicted: npt.NDArray[np.int64], classes: int, metric: Figure) -> float:
    return float(count_figures(*count_classes(labels, predicted, classes))[metric])


def _repeats(judging: Judging) -> list[int]:
    return sorted({fold.repeat for fold in judging.folds})
