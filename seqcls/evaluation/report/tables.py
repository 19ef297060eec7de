"""What the tables of the report and the model card show: sorted, counted and cut; the templates write them.

In: metrics and facts. Out: small records and tuples of numbers and names, nothing escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqcls.evaluation.metrics import ClassMetrics, Metrics
from seqcls.evaluation.report.facts import Baselines, Evaluation, Facts
from seqcls.evaluation.tried import Search, Tried
from seqcls.pages import number
from seqcls.table import SPLITS

FIGURES = {
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "mcc": "Matthews correlation",
    "auroc": "AUROC",
    "log_loss": "Log loss",
    "ece": "Calibration error",
    "brier": "Brier score",
}
HEADLINE = ("balanced_accuracy", "accuracy", "macro_f1", "mcc")
LOWER_IS_BETTER = frozenset({"log_loss", "ece", "brier"})
MOST_CONFUSIONS, CONFUSIONS_OF_MANY = 12, 50
MOST_IN_MATRIX = 60
"""Classes up to which every pair stands in the matrix; of more, the most frequent confusions are listed."""
MOST_CLASSES = 200
"""Classes that a table shows, the largest first; metrics.json has all."""
SEARCH_COLUMNS = {
    "Candidate": True, "Family": True, "Score": False, "Chosen minus this, 95 %": False, "Log loss": False,
    "Epochs": False, "Seconds": False, "State": True,
}  # fmt: skip
"""Title -> whether the column holds text."""


class Figure(NamedTuple):
    """One figure of merit: the network on test and validation rows, the baselines on the same test rows."""

    title: str
    low_is_good: bool
    test: float | None
    interval: tuple[float, float] | None
    """95 %."""
    valid: float | None
    linear: float | None
    trivial: float | None


class Cell(NamedTuple):
    """One pair of classes in the confusion matrix."""

    predicted: str
    rows: int
    share: float
    """Of the rows of the true class."""


class Mistake(NamedTuple):
    true: str
    predicted: str
    rows: int
    share: float
    """Of the rows of the true class."""


def linear_figures(baselines: Baselines) -> Metrics | None:
    """None where there is no linear baseline."""
    return baselines.linear if isinstance(baselines.linear, Metrics) else None


def list_figures(evaluation: Evaluation) -> list[Figure]:
    """All of `FIGURES`, in that order."""
    beside = (evaluation.valid, linear_figures(evaluation.baselines), evaluation.baselines.trivial)
    return [
        Figure(
            title,
            name in LOWER_IS_BETTER,
            getattr(evaluation.test, name),
            evaluation.intervals.get(name),
            *(getattr(one, name) if one else None for one in beside),
        )
        for name, title in FIGURES.items()
    ]


def largest_classes(metrics: Metrics) -> list[ClassMetrics]:
    """At most MOST_CLASSES, the one with the most test rows first."""
    return sorted(metrics.classes, key=lambda one: -one.support)[:MOST_CLASSES]


def confusion_matrix(metrics: Metrics) -> list[tuple[str, list[Cell]]]:
    """(true class, its cells), a row each; empty for more than MOST_IN_MATRIX classes."""
    if len(metrics.classes) > MOST_IN_MATRIX:
        return []
    names = [one.name for one in metrics.classes]
    counts = dense_confusions(metrics, range(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = (map(Cell, names, *row) for row in zip(counts.tolist(), shares.tolist(), strict=True))
    return list(zip(names, map(list, rows), strict=True))


def dense_confusions(metrics: Metrics, chosen: Sequence[int]) -> npt.NDArray[np.int64]:
    """Counts between the chosen classes: row = true class, column = predicted class."""
    place = {k: number for number, k in enumerate(chosen)}
    counts = np.zeros((len(place), len(place)), np.int64)
    for true, predicted, rows in metrics.confusions:
        if true in place and predicted in place:
            counts[place[true], place[predicted]] = rows
    return counts


def list_mistakes(metrics: Metrics) -> list[Mistake]:
    """The most frequent ones first."""
    most = MOST_CONFUSIONS if len(metrics.classes) <= MOST_IN_MATRIX else CONFUSIONS_OF_MANY
    wrong = sorted((cell for cell in metrics.confusions if cell[0] != cell[1]), key=lambda cell: -cell[2])[:most]
    classes = metrics.classes
    return [Mistake(classes[a].name, classes[b].name, rows, rows / classes[a].support) for a, b, rows in wrong]


def split_rows(facts: Facts) -> list[tuple[str, list[int]]]:
    """(class, its rows in each split); of more than MOST_CLASSES the largest first."""
    names = dict.fromkeys(name for split in SPLITS for name in facts.class_rows.get(split, {}))
    rows = [(name, [facts.class_rows.get(split, {}).get(name, 0) for split in SPLITS]) for name in names]
    return rows if len(rows) <= MOST_CLASSES else sorted(rows, key=lambda row: -sum(row[1]))


def split_totals(facts: Facts) -> list[int]:
    """Rows of each split."""
    return [sum(facts.class_rows.get(split, {}).values()) for split in SPLITS]


def search_rows(found: Search) -> list[tuple[str, ...]]:
    """The cells of SEARCH_COLUMNS for every candidate, also those that there was no time for."""
    return [_candidate(one, is_chosen=one.name == found.chosen) for one in found.candidates]


def _candidate(one: Tried, *, is_chosen: bool) -> tuple[str, ...]:
    marks = [mark for mark, holds in (("chosen", is_chosen), ("reference", one.linear)) if holds]
    return (
        one.name + (f" ({', '.join(marks)})" if marks else ""),
        one.family,
        number(one.score),
        f"{one.behind[0]:+.3f} to {one.behind[1]:+.3f}" if one.behind else "",
        number(one.log_loss),
        f"{one.epochs} of {one.most_epochs}" if one.epochs else "0",
        f"{one.seconds:.1f}",
        one.state,
    )
