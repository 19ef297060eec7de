"""How sure a figure is: bootstrap intervals, and the paired comparison of two models on the same rows.

In: labels and predictions of a test split. Out: 95 % percentile intervals (Efron & Tibshirani 1993, ch. 13).
Promise: the same seed gives the same interval. Rows are drawn with replacement from the whole split, not within
classes: the class shares vary as they would in a new test set of this size, and a class that is absent from a
resample does not count in it. Rows are taken as independent: with groups (patients, authors) the truth is wider.

Every figure here is a function of the filled cells of the confusion matrix, and drawing N rows with replacement from a
table of counts is one multinomial draw. So a thousand resamples of a million rows of few classes cost no more than of a
hundred, and many classes cost no more than their filled cells, of which there are at most as many as rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from seqcls.arrays import Floats, Integers
from seqcls.data.class_counts import count_figures
from seqcls.errors import CheckBroken
from seqcls.evaluation.metrics import Record, check_predictions

RESAMPLES = 1000
NORMAL_95 = 1.959964
PERCENTILES = (2.5, 97.5)
CELLS_PER_CHUNK = 4_000_000  # 32 MB of counts at a time
Figure = Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc"]


class Difference(Record):
    """`estimate` is b's figure minus a's; `p_better` the share of resamples in which b is better, ties half."""

    metric: Figure
    a: float
    b: float
    estimate: float
    low: float
    high: float
    p_better: float
    rows: int
    resamples: int
    seed: int


def bootstrap(
    labels: Integers, probabilities: Floats, names: list[str], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals (low, high) of accuracy, balanced_accuracy, macro_f1 and mcc."""
    check_predictions(labels, probabilities, len(names))
    classes = len(names)
    pairs, counts = np.unique(labels.astype(np.int64) * classes + probabilities.argmax(axis=1), return_counts=True)
    figures_of = _figures_by_cell(pairs // classes, pairs % classes, classes)
    random = np.random.default_rng(seed)
    parts: list[dict[str, npt.NDArray[np.float64]]] = []
    for size in _chunks(resamples, len(pairs) + 3 * classes):
        drawn = random.multinomial(len(labels), counts / len(labels), size=size).astype(np.float64)
        parts.append(figures_of(drawn))
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: _interval(values) for name, values in figures.items()}


def wilson(right: int, of: int) -> tuple[float, float]:
    """95 % interval (low, high) of a share of counted rows (Wilson 1927); 0 to 1 of none."""
    if not of:
        return 0.0, 1.0
    z2 = NORMAL_95**2
    middle = (right + z2 / 2) / (of + z2)
    half = NORMAL_95 / (of + z2) * (right * (of - right) / of + z2 / 4) ** 0.5
    return middle - half, middle + half


def paired_difference(
    labels: Integers,
    predictions_a: Integers,
    predictions_b: Integers,
    metric: Figure = "balanced_accuracy",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Champion a against challenger b on the same rows: each resample draws the same rows for both."""
    _check_pairs(labels, predictions_a, predictions_b)
    classes = int(max(labels.max(), predictions_a.max(), predictions_b.max())) + 1
    # A row matters only through (label, a, b): equal triples are one cell.
    triple = (labels.astype(np.int64) * classes + predictions_a) * classes + predictions_b
    cells, counts = np.unique(triple, return_counts=True)
    label, a, b = cells // classes**2, cells // classes % classes, cells % classes
    figures_of_a, figures_of_b = _figures_by_cell(label, a, classes), _figures_by_cell(label, b, classes)
    random = np.random.default_rng(seed)
    differences = []
    for size in _chunks(resamples, len(cells) + 3 * classes):
        drawn = random.multinomial(len(labels), counts / len(labels), size=size).astype(np.float64)
        differences.append(figures_of_b(drawn)[metric] - figures_of_a(drawn)[metric])
    difference = np.concatenate(differences)
    whole = counts[None, :].astype(np.float64)
    score_a, score_b = (float(figures_of(whole)[metric][0]) for figures_of in (figures_of_a, figures_of_b))
    low, high = _interval(difference)
    return Difference(
        metric=metric, a=score_a, b=score_b, estimate=score_b - score_a, low=low, high=high,
        p_better=float((difference > 0).mean() + (difference == 0).mean() / 2),
        rows=len(labels), resamples=resamples, seed=seed,
    )  # fmt: skip


def _figures_by_cell(
    label: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> Callable[[npt.NDArray[np.float64]], dict[str, npt.NDArray[np.float64]]]:
    """A function from rows drawn of each cell (R, cells) to figures (R,); a cell is a true and a predicted class."""
    cells = np.arange(len(label))
    right = np.flatnonzero(label == predicted)

    def adds_to(which: npt.NDArray[np.int64], to: npt.NDArray[np.int64]) -> csr_array:
        return csr_array((np.ones(len(which)), (which, to)), shape=(len(label), classes))

    sums = [adds_to(right, label[right]), adds_to(cells, label), adds_to(cells, predicted)]
    return lambda drawn: count_figures(*(drawn @ one for one in sums))


def _check_pairs(labels: Integers, a: Integers, b: Integers) -> None:
    if not len(labels) == len(a) == len(b) or len(labels) == 0:
        raise CheckBroken(f"{len(labels)} labels, {len(a)} and {len(b)} predictions", where="paired_difference",
                          expected="both models' predictions for the same rows, at least one",
                          next_step="score both models on the same encoded test split")  # fmt: skip
    if min(labels.min(), a.min(), b.min()) < 0:
        raise CheckBroken("a class index below 0", where="paired_difference", expected="indices from 0",
                          next_step="leave out the rows without a class before comparing")  # fmt: skip


def _chunks(resamples: int, cells: int) -> list[int]:
    step = max(1, CELLS_PER_CHUNK // cells)
    return [min(step, resamples - start) for start in range(0, resamples, step)]


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)
