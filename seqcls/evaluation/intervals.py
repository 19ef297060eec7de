"""How sure a figure is: bootstrap intervals, and the paired comparison of two models on the same rows.

In: labels and predictions of a test split. Out: 95 % percentile intervals (Efron & Tibshirani 1993, ch. 13).
Promise: the same seed gives the same interval. Rows are drawn with replacement from the whole split, not within
classes: the class shares vary as they would in a new test set of this size, and a class that is absent from a
resample does not count in it. Rows are taken as independent: with groups (patients, authors) the truth is wider.

Every figure here is a function of the confusion matrix, and drawing N rows with replacement from a table of
counts is one multinomial draw. So a thousand resamples of a million rows cost no more than of a hundred.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from seqcls.errors import CheckBroken
from seqcls.evaluation.metrics import Floats, Integers, Record, check_predictions, confusion_figures, confusion_matrix

RESAMPLES = 1000
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
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(names)).ravel()
    filled = np.flatnonzero(confusion)
    random = np.random.default_rng(seed)
    parts: list[dict[str, npt.NDArray[np.float64]]] = []
    for size in _chunks(resamples, confusion.size):
        drawn = np.zeros((size, confusion.size))
        drawn[:, filled] = random.multinomial(len(labels), confusion[filled] / len(labels), size=size)
        parts.append(confusion_figures(drawn.reshape(size, len(names), len(names))))
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: _interval(values) for name, values in figures.items()}


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
    to_a, to_b = _to_confusion(label * classes + a, classes), _to_confusion(label * classes + b, classes)

    def figure(drawn: npt.NDArray[np.float64], matrix: csr_array) -> npt.NDArray[np.float64]:
        return confusion_figures((drawn @ matrix).reshape(-1, classes, classes))[metric]  # (R, cells) -> (R,)

    random = np.random.default_rng(seed)
    differences = []
    for size in _chunks(resamples, len(cells) + classes**2):
        drawn = random.multinomial(len(labels), counts / len(labels), size=size).astype(np.float64)
        differences.append(figure(drawn, to_b) - figure(drawn, to_a))
    difference = np.concatenate(differences)
    whole = counts[None, :].astype(np.float64)
    score_a, score_b = float(figure(whole, to_a)[0]), float(figure(whole, to_b)[0])
    low, high = _interval(difference)
    return Difference(
        metric=metric, a=score_a, b=score_b, estimate=score_b - score_a, low=low, high=high,
        p_better=float((difference > 0).mean() + (difference == 0).mean() / 2),
        rows=len(labels), resamples=resamples, seed=seed,
    )  # fmt: skip


def _to_confusion(target: npt.NDArray[np.int64], classes: int) -> csr_array:
    """(cells,) -> (cells, K*K): which entry of the confusion matrix each cell counts in."""
    ones = np.ones(len(target))
    return csr_array((ones, (np.arange(len(target)), target)), shape=(len(target), classes**2))


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
