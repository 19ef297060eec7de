"""Labels and probabilities -> figures of merit.

In: labels (N,) as class indices, probabilities (N, K). Out: `Metrics`, JSON without NaN. Promise: every figure is
defined for every test set: a single class, classes without rows, K = 2 or 10,000; what has no value is None. Time and
size grow with rows and classes, never with the square of the classes: the confusion matrix is kept as its filled cells.

Which definition, where books differ:
accuracy, balanced_accuracy, macro_f1, mcc: seqcls/data/class_counts.py.
auroc is one-vs-rest, unweighted mean over the classes that have rows and are not all rows.
log_loss cuts probabilities at float32's epsilon, the resolution of the network's softmax.
ece: Guo et al. 2017, eq. 3, on 15 bins of equal width. brier: Brier 1950, the sum over classes, in [0, 2].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from seqcls.arrays import Floats, Integers
from seqcls.data.class_counts import count_classes, count_figures, divide
from seqcls.errors import CheckBroken

CALIBRATION_BINS = 15
SUM_TOLERANCE = 1e-3
COLUMNS_AT_ONCE = 64


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassMetrics(Record):
    """One class. precision, recall and f1 are 0 where they have no value (no rows, or never predicted)."""

    name: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float
    auroc: float | None


class CalibrationBin(Record):
    """Rows whose largest probability lies in (low, high]; confidence and accuracy are None without rows."""

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


class Metrics(Record):
    """All figures of one model on one split."""

    rows: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    mcc: float
    auroc: float | None
    log_loss: float
    ece: float
    brier: float
    classes: list[ClassMetrics]
    confusions: list[tuple[int, int, int]]
    """[true class, predicted class, rows] of each pair that occurs, in the order of the classes."""
    calibration: list[CalibrationBin]


def compute_metrics(labels: Integers, probabilities: Floats, names: list[str]) -> Metrics:
    """Every figure of one split; ties of the largest probability go to the first class."""
    check_predictions(labels, probabilities, len(names))
    predicted = probabilities.argmax(axis=1)
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    counts = count_classes(labels, predicted, len(names))
    classes = _class_metrics(counts, _areas(labels, probabilities), names)
    areas = [one.auroc for one in classes if one.auroc is not None]
    bins = _calibration_bins(predicted == labels, probabilities.max(axis=1))
    own = probabilities[np.arange(len(labels)), labels]
    squares = np.einsum("nk,nk->n", probabilities, probabilities)
    return Metrics(
        rows=len(labels),
        **{name: float(value) for name, value in count_figures(*counts).items()},
        auroc=float(np.mean(areas)) if areas else None,
        log_loss=_log_loss(own),
        ece=_calibration_error(bins, len(labels)),
        brier=float((squares - 2 * own + 1).mean()),  # the true class has 1, all others 0
        classes=classes,
        confusions=confusion_cells(labels, predicted, len(names)),
        calibration=bins,
    )


def confidence_figures(labels: Integers, probabilities: Floats) -> tuple[float, float]:
    """ece and log_loss alone."""
    check_predictions(labels, probabilities, probabilities.shape[1])
    sums = probabilities.sum(axis=1, dtype=np.float64)
    bins = _calibration_bins(probabilities.argmax(axis=1) == labels, probabilities.max(axis=1) / sums)
    return _calibration_error(bins, len(labels)), _log_loss(probabilities[np.arange(len(labels)), labels] / sums)


def _log_loss(own: Floats) -> float:
    return float(-np.log(np.maximum(own, np.finfo(np.float32).eps)).mean())


def _calibration_error(bins: list[CalibrationBin], rows: int) -> float:
    known = [(one.rows, one.accuracy, one.confidence) for one in bins if one.rows]
    return (
        sum(count * abs(right - sure) for count, right, sure in known if right is not None and sure is not None) / rows
    )


def check_predictions(labels: Integers, probabilities: Floats, classes: int) -> None:
    """Refuse what no figure should be computed from: these are our own faults, not the data's."""
    faults = []
    if classes < 2:
        faults.append(f"{classes} class")
    if len(labels) == 0:
        faults.append("no rows")
    if probabilities.shape != (len(labels), classes):
        faults.append(f"probabilities of shape {probabilities.shape} for {len(labels)} labels and {classes} classes")
    elif len(labels):
        if labels.min() < 0 or labels.max() >= classes:
            faults.append(f"labels from {labels.min()} to {labels.max()} with {classes} classes")
        if not np.isfinite(probabilities).all() or (probabilities < 0).any():
            faults.append("probabilities that are negative or not finite")
        elif np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max() > SUM_TOLERANCE:
            faults.append("rows of probabilities that do not sum to 1")
    if faults:
        raise CheckBroken(
            "; ".join(faults),
            where="metrics",
            expected="labels (N,) and probabilities (N, K), N >= 1, K >= 2",
            next_step="report this with the model's digest: the network or the split is damaged",
        )


def confusion_cells(labels: Integers, predicted: Integers, classes: int) -> list[tuple[int, int, int]]:
    """(N,), (N,) -> [true class, predicted class, rows] of each pair that occurs, in ascending order."""
    cells, rows = np.unique(labels.astype(np.int64) * classes + predicted, return_counts=True)
    return list(zip((cells // classes).tolist(), (cells % classes).tolist(), rows.tolist(), strict=True))


def _class_metrics(
    counts: tuple[Floats, Floats, Floats], areas: list[float | None], names: list[str]
) -> list[ClassMetrics]:
    right, support, predicted = counts
    precision, recall, f1 = divide(right, predicted), divide(right, support), divide(2 * right, support + predicted)
    return [
        ClassMetrics(
            name=name,
            support=int(support[k]),
            predicted=int(predicted[k]),
            precision=float(precision[k]),
            recall=float(recall[k]),
            f1=float(f1[k]),
            auroc=areas[k],
        )
        for k, name in enumerate(names)
    ]


def _areas(labels: Integers, probabilities: Floats) -> list[float | None]:
    """(N,), (N, K) -> AUROC of each class against all others; None for a class that has no rows, or all."""
    rows, classes = probabilities.shape
    order, support = np.argsort(labels, kind="stable"), np.bincount(labels, minlength=classes)
    ends = np.cumsum(support)
    areas: list[float | None] = []
    for start in range(0, classes, COLUMNS_AT_ONCE):
        columns = np.ascontiguousarray(probabilities[:, start : start + COLUMNS_AT_ONCE].T)
        for k, column in enumerate(columns, start):
            own = column[order[ends[k] - support[k] : ends[k]]]
            areas.append(_area(own, column) if 0 < len(own) < rows else None)
    return areas


def _area(own: Floats, column: Floats) -> float:
    """Chance that one of `own` is above one of the others of `column`, ties half: by ranks (Mann and Whitney 1947)."""
    ordered = np.sort(column)
    ranks = (
        np.searchsorted(ordered, own, "left") + np.searchsorted(ordered, own, "right") + 1
    ) / 2  # from 1, ties mean
    above = ranks.sum() - len(own) * (len(own) + 1) / 2
    return float(above / (len(own) * (len(column) - len(own))))


def _calibration_bins(correct: npt.NDArray[np.bool_], confidence: Floats) -> list[CalibrationBin]:
    edges = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)
    place = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, CALIBRATION_BINS - 1)  # (low, high]
    rows = np.bincount(place, minlength=CALIBRATION_BINS)
    confidence_sum = np.bincount(place, weights=confidence, minlength=CALIBRATION_BINS)
    correct_sum = np.bincount(place, weights=correct, minlength=CALIBRATION_BINS)
    return [
        CalibrationBin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            rows=int(rows[b]),
            confidence=float(confidence_sum[b] / rows[b]) if rows[b] else None,
            accuracy=float(correct_sum[b] / rows[b]) if rows[b] else None,
        )
        for b in range(CALIBRATION_BINS)
    ]
