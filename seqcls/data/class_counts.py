"""Figures that follow from how many rows of each class there are, are predicted, and are right.

In: labels and predictions (N,) as class indices. Out: accuracy, balanced accuracy, macro F1, MCC. Promise: training,
search, evaluation and its intervals compute them here. balanced_accuracy is the mean recall over the classes that have
rows; macro_f1 runs over the classes that have rows or predictions, as scikit-learn does; mcc for K classes: Gorodkin
2004, equation 8.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqcls.arrays import Floats, Integers


def count_classes(labels: Integers, predicted: Integers, classes: int) -> tuple[Floats, Floats, Floats]:
    """(N,), (N,) -> rows of each class that are right, that there are, that were predicted; (K,) each."""
    right = np.bincount(labels[labels == predicted], minlength=classes)
    support, answers = (np.bincount(column, minlength=classes) for column in (labels, predicted))
    return right.astype(np.float64), support.astype(np.float64), answers.astype(np.float64)


def count_figures(right: Floats, support: Floats, predicted: Floats) -> dict[str, npt.NDArray[np.float64]]:
    """(..., K) each -> accuracy, balanced_accuracy, macro_f1, mcc, each (...): one table or a thousand resamples."""
    rows = support.sum(axis=-1)
    correct = right.sum(axis=-1)
    recall = divide(right, support)
    f1 = divide(2 * right, support + predicted)
    covariance = correct * rows - (support * predicted).sum(axis=-1)
    spread = (rows**2 - (predicted**2).sum(axis=-1)) * (rows**2 - (support**2).sum(axis=-1))
    return {
        "accuracy": correct / rows,
        "balanced_accuracy": recall.sum(axis=-1) / (support > 0).sum(axis=-1),
        "macro_f1": f1.sum(axis=-1) / (support + predicted > 0).sum(axis=-1),
        "mcc": divide(covariance, np.sqrt(spread)),
    }


def divide(upper: Floats, lower: Floats) -> npt.NDArray[np.float64]:
    """upper / lower, and 0 where lower is 0."""
    return np.divide(upper, lower, out=np.zeros(np.shape(upper)), where=np.asarray(lower) > 0)
