"""Logistic regression on a sparse design matrix, with a scale for each weight and L2 strengths from strict to loose.

In: a `Design`, labels, how much rows count. Out: weights (D, K) and biases (K,). Promise: the minimum of
sum over rows of weight * cross-entropy * strength + half the squares of (weights / scale), biases free, to the effort
below; two classes share one column, as in scikit-learn. Each strength starts where the stricter one ended. Threads
change no number. The scale is |log ratio| of how frequent an n-gram is within and without a class: the naive Bayes
features of Wang and Manning 2012, "Baselines and Bigrams", here a prior that scoring need not know of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix

from seqcls.arrays import Floats, Integers
from seqcls.models.ngrams.descent import descend
from seqcls.models.ngrams.rows import Design

Weights = npt.NDArray[np.float32]
Given = TypeVar("Given")
Found = TypeVar("Found")
Vector = npt.NDArray[np.floating[Any]]


class Effort(NamedTuple):
    """How far a fit goes."""

    steps: int
    tolerance: float
    """Share of the loss that a step must win, or the fit ends."""
    numbers: type[np.floating[Any]]


EXACT, ROUGH, EVENED = Effort(1000, 1e-12, np.float64), Effort(30, 1e-5, np.float32), Effort(12, 1e-5, np.float32)
"""Few rows are fitted to the optimum, for it costs nothing. ROUGH, or EVENED where steps are evened out: thirty steps
instead of ten moved no validation accuracy of four sets of texts by more than its error (docs/how-to/ngrams.md)."""
MOST_AT_ONCE = 8
"""Threads: each holds a result as wide as the design matrix."""
SMALL = 200_000
"""Entries of the design times columns up to which a fit is EXACT."""


@dataclass(frozen=True)
class Solution:
    """A linear model: logits = design @ weights + biases."""

    weights: Weights
    """(D, K)"""
    biases: Weights
    """(K,)"""

    def logits(self, design: Design) -> Weights:
        """(N, K)"""
        found = np.zeros((len(design), len(self.biases)), np.float32)
        for rows, block in design.blocks():
            found[rows] = block @ self.weights + self.biases
        return found


@dataclass
class Problem:
    """Rows to learn from; `columns` is 1 for two classes."""

    design: Design
    labels: Integers
    """(N,)"""
    importance: Floats
    """(N,) how much rows count."""
    classes: int
    scale: Weights
    """(D, columns)"""
    even_out: bool = False
    """Whether steps are longer where the loss is flatter: for words, of which few are frequent and most are rare."""

    def __post_init__(self) -> None:
        self.columns = 1 if self.classes == 2 else self.classes
        entries = sum(block.nnz for _, block in self.design.blocks())
        self.effort = EXACT if entries * self.columns <= SMALL else EVENED if self.even_out else ROUGH
        self.scale = self.scale.astype(self.effort.numbers)
        shares = np.bincount(self.labels, self.importance, minlength=self.classes) + 1.0
        self.shares: Floats = shares / shares.sum()
        start = np.log(self.shares)
        biases = start[1:] - start[:1] if self.columns == 1 else start
        nothing = np.zeros(self.design.width * self.columns)
        self.at: Vector = np.concatenate([nothing, biases]).astype(self.effort.numbers)

    def solve(self, strength: float, step: Callable[[int], None]) -> Solution:
        """The best weights at a strength, from where the last call ended; `step` gets the most steps that it takes."""
        unit = self.units(strength) if self.even_out else self.effort.numbers(1.0)

        def measure(at: Vector) -> tuple[float, Vector]:
            step(self.effort.steps)
            loss, slope = self.loss(at * unit, strength)
            return loss, slope * unit

        self.at = descend(measure, self.at / unit, self.effort.steps, self.effort.tolerance) * unit
        weights, biases = (part.astype(np.float32) for part in self.parts(self.at))
        if self.columns == 1:
            half = np.float32(0.5)
            return Solution(np.hstack([-weights, weights]) * half, np.concatenate([-biases, biases]) * half)
        return Solution(weights, biases)

    def parts(self, at: Vector) -> tuple[Vector, Vector]:
        """A point of the search -> weights (D, columns), biases (columns,)."""
        inner = at[: -self.columns].reshape(self.design.width, self.columns)
        return inner * self.scale, at[-self.columns :].copy()

    @cached_property
    def squares(self) -> Floats:
        """(D,) of the design matrix, summed over the rows by how much these count."""
        found = np.zeros(self.design.width)
        for rows, block in self.design.blocks():
            found += block.multiply(block).T @ self.importance[rows]
        return found

    def units(self, strength: float) -> Vector:
        """For each number of the search how far a step of one goes: 1 / sqrt(the loss's curvature there).

        The curvature at equal logits, p (1 - p) for a class of share p, times the squares of the n-gram's values, plus
        that of the penalty: a diagonal preconditioner (Nocedal and Wright 2006, section 5.1). It moves no optimum.
        """
        curved = (self.shares * (1.0 - self.shares))[-self.columns :]
        inner = self.squares[:, None] * curved * self.scale.astype(np.float64) ** 2 + 1.0 / strength
        outer = curved * self.importance.sum()
        return np.concatenate([inner.ravel(), outer]).astype(self.effort.numbers) ** -0.5

    def loss(self, at: Vector, strength: float) -> tuple[float, Vector]:
        """Loss and gradient at a point, a row's share, so that numbers keep their size with the rows."""
        weights, biases = self.parts(at)
        inner = np.zeros_like(weights)
        outer = np.zeros(self.columns)
        total, rows_in_all = 0.0, float(self.importance.sum())

        def of_block(given: tuple[Integers, csr_matrix]) -> tuple[Vector, Vector, float]:
            rows, block = given
            wrong, loss = self.errors(block @ weights + biases, rows)
            return block.T @ wrong, wrong.sum(0, dtype=np.float64), loss

        for to_weights, to_biases, loss in in_threads(of_block, self.design.blocks()):
            inner += to_weights
            outer += to_biases
            total += loss
        inner *= self.scale
        penalised = at[: -self.columns].reshape(inner.shape)
        inner += penalised * at.dtype.type(1.0 / strength)
        total += 0.5 * float(np.vdot(penalised, penalised)) / strength
        gradient = np.concatenate([inner.ravel(), outer.astype(at.dtype)])
        return total / rows_in_all, gradient * at.dtype.type(1.0 / rows_in_all)

    def errors(self, logits: Vector, rows: Integers) -> tuple[Vector, float]:
        """(B, columns) logits -> slope of the loss by each of them, and the loss."""
        labels, importance = self.labels[rows], self.importance[rows]
        if self.columns == 1:
            logits = np.hstack([np.zeros_like(logits), logits])
        centred = logits.astype(np.float64)
        centred -= centred.max(1, keepdims=True)
        shares = np.exp(centred)
        totals = shares.sum(1, keepdims=True)
        each = np.arange(len(labels))
        loss = float((importance * (np.log(totals[:, 0]) - centred[each, labels])).sum())
        shares /= totals
        shares[each, labels] -= 1.0
        shares *= importance[:, None]
        return shares[:, -self.columns :].astype(self.effort.numbers), loss


def in_threads(work: Callable[[Given], Found], things: Iterable[Given]) -> Iterator[Found]:
    """The results in order, as many at a time as torch has threads: SciPy's products leave the interpreter alone."""
    threads = min(torch.get_num_threads(), MOST_AT_ONCE)
    if threads == 1:
        yield from map(work, things)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = iter(things)
        while some := list(islice(waiting, threads)):
            yield from pool.map(work, some)


def log_ratios(design: Design, labels: Integers, classes: int) -> Weights:
    """(D, columns): |log| of how much more often an n-gram is found in rows of a class than in others; one is added."""
    columns = 1 if classes == 2 else classes
    found = np.zeros((design.width, classes))
    for rows, block in design.blocks():
        present = block.copy()
        present.data = np.ones_like(present.data)
        found += present.T @ np.eye(classes, dtype=np.float32)[labels[rows]]
    within, without = found + 1.0, found.sum(1, keepdims=True) - found + 1.0
    ratios = np.abs(np.log(within / within.sum(0)) - np.log(without / without.sum(0)))
    chosen: Weights = ratios[:, -columns:].astype(np.float32)
    return chosen


def mean_loss(logits: Weights, labels: Integers, importance: Floats) -> float:
    """Cross-entropy, rows counted by their importance."""
    centred = logits.astype(np.float64)
    centred -= centred.max(1, keepdims=True)
    losses: Floats = np.log(np.exp(centred).sum(1)) - centred[np.arange(len(labels)), labels]
    return float(losses @ importance / importance.sum())
