"""How strict the fit is: of a few strengths, the one that suits rows that were not fitted.

In: `FitRows`. Out: `Chosen`. Promise: with validation rows these decide. Without them the training rows do, each judged
by a fit that knows neither it nor those equal to it, not even which n-grams it has (cross-validation); then all are
fitted at the strength that was found. One design matrix is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqcls.arrays import Integers
from seqcls.data.folds import assign_folds, same_sequences
from seqcls.errors import DataRefused
from seqcls.listener import Progress
from seqcls.models.fitted import FitRows
from seqcls.models.ngrams.rows import Design
from seqcls.models.ngrams.solver import Problem, Solution, Weights, mean_loss

STRENGTHS = (3.0, 10.0, 30.0, 100.0)
"""Tried in this order until the loss rises."""
FOLDS, FEW_FOLDS, FEW_FOLDS_FROM = 5, 3, 10_000
"""Parts that training rows are cut into, and from how many rows on these are fewer: each is a fit."""


class Setting(NamedTuple):
    """What a fit works on; made by the network."""

    design: Design
    """Of the training rows, with the n-grams that these give weights to."""
    valid: Design
    problem: Problem


class Chosen(NamedTuple):
    """A solution, the design that it is for, and of each training row the logits (N, K) of a fit without it, if any."""

    solution: Solution
    design: Design
    held_out: Weights | None


class Trial(NamedTuple):
    """One strength on one set of rows."""

    solution: Solution
    logits: Weights
    """Of the validation rows."""
    loss: float


class StrengthSearch:
    """`set_up` belongs to the network; `strengths` are those that its config leaves."""

    def __init__(self, given: FitRows, set_up: Callable[[FitRows], Setting], strengths: tuple[float, ...]) -> None:
        self.given, self.set_up, self.strengths = given, set_up, strengths
        self.fits, self.done = 1, 0

    def run(self) -> Chosen:
        if not len(self.given.valid):
            return self.by_folds()
        setting = self.set_up(self.given)
        best = min(self.tried(self.given, setting), key=lambda trial: trial.loss)
        return Chosen(best.solution, setting.design, None)

    def by_folds(self) -> Chosen:
        """The strength with the least loss of training rows held out, then all rows at it."""
        part = parts_of(self.given)
        parts = int(part.max()) + 1
        self.fits = parts + 1
        losses = np.full((parts, len(self.strengths)), np.nan)
        held_out: dict[int, Weights] = {}
        for number in range(parts):
            held = part == number
            without = hold_out(self.given, held)
            for place, trial in enumerate(self.tried(without, self.set_up(without))):
                losses[number, place] = trial.loss * held.sum()
                into = held_out.setdefault(place, np.zeros((len(part), trial.logits.shape[1]), np.float32))
                into[held] = trial.logits
        best = int(np.nanargmin(losses.sum(0)))  # a strength that some fold did not come to is not the best
        setting = self.set_up(self.given)
        for strength in self.strengths[: best + 1]:
            solution = setting.problem.solve(strength, self.step)
        return Chosen(solution, setting.design, held_out[best])

    def tried(self, given: FitRows, setting: Setting) -> Iterator[Trial]:
        """Each strength from where the stricter one ended, until the loss of the validation rows rises."""
        labels, least = given.valid.labels, np.inf
        importance = np.ones(setting.problem.classes)
        importance[given.train.labels] = given.weights  # each class as it counts in training
        for strength in self.strengths:
            found = setting.problem.solve(strength, self.step)
            logits = found.logits(setting.valid)
            loss = mean_loss(logits, labels, importance[labels])
            yield Trial(found, logits, loss)
            if loss >= least:
                return
            least = loss

    def step(self, most: int) -> None:
        """Report how many steps of all fits are done."""
        self.done += 1
        of = self.fits * len(self.strengths) * most
        self.given.listener.progress(Progress("fit", min(self.done, of), of))


def parts_of(given: FitRows) -> Integers:
    """(N,) the fold of each training row."""
    train = given.train
    offsets = np.append(train.starts, train.starts[-1:] + train.lengths[-1:])
    assert np.array_equal(np.diff(offsets), train.lengths), "rows lie one after another"
    groups = same_sequences(train.values, offsets)
    different = int(groups.max()) + 1
    if different < 2:
        raise DataRefused(
            f"the same sequence in all {len(train)} training rows, and no validation rows",
            where="split.valid",
            expected="at least two different sequences: one to learn from, one to judge by",
            next_step="set split.valid = 0.1, or add rows",
        )
    # Always the same seed: the family has none, and the same rows give the same weights.
    return assign_folds(train.labels, groups, min(folds_of(len(train)), different), seed=0)


def folds_of(rows: int) -> int:
    """Parts that so many training rows are cut into."""
    return FEW_FOLDS if rows >= FEW_FOLDS_FROM else FOLDS


def hold_out(given: FitRows, held: npt.NDArray[np.bool_]) -> FitRows:
    """The training rows but some, which take the place of the validation rows."""
    rest, out = np.flatnonzero(~held), np.flatnonzero(held)
    return replace(given, train=given.train.take(rest), valid=given.train.take(out), weights=given.weights[rest])
