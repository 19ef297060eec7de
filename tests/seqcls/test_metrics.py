"""Figures of merit: by hand, against scikit-learn, and where they have no value."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.data.class_counts import count_classes, count_figures
from seqcls.errors import CheckBroken
from seqcls.evaluation.metrics import compute_metrics, confusion_cells


def random_predictions(rows: int, classes: int, seed: int, skill: float = 1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = random.normal(size=(rows, classes)) + skill * np.eye(classes)[labels]
    exponentials = np.exp(logits)
    return labels, (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def names(classes: int) -> list[str]:
    return [f"class {k}" for k in range(classes)]


def test_four_rows_worked_out_by_hand():
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    m = compute_metrics(labels, probabilities, ["no", "yes"])
    assert m.confusions == [(0, 0, 2), (0, 1, 1), (1, 1, 1)]
    assert m.accuracy == pytest.approx(3 / 4)
    assert m.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert m.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert m.mcc == pytest.approx((2 * 1 - 1 * 0) / np.sqrt(2 * 3 * 1 * 2))
    assert m.auroc == pytest.approx(2 / 3)  # the "yes" row is above two of the three "no" rows
    assert m.log_loss == pytest.approx(-np.log([0.9, 0.6, 0.2, 0.7]).mean())
    assert m.brier == pytest.approx(2 * (0.1**2 + 0.4**2 + 0.8**2 + 0.3**2) / 4)
    # 0.9 in (13/15, 14/15], 0.8 in (11/15, 12/15], 0.7 in (10/15, 11/15], 0.6 in (8/15, 9/15]: one row a bin
    assert m.ece == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4)
    assert [(one.precision, one.recall, one.support, one.predicted) for one in m.classes] == [
        (1.0, pytest.approx(2 / 3), 3, 2),
        (0.5, 1.0, 1, 2),
    ]


@pytest.mark.parametrize("classes", [2, 3, 20])
def test_figures_agree_with_scikit_learn(classes):
    labels, probabilities = random_predictions(500, classes, seed=classes)
    predicted = probabilities.argmax(axis=1)
    m = compute_metrics(labels, probabilities, names(classes))
    assert m.accuracy == pytest.approx(reference.accuracy_score(labels, predicted))
    assert m.balanced_accuracy == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    assert m.macro_f1 == pytest.approx(reference.f1_score(labels, predicted, average="macro", zero_division=0))
    assert m.mcc == pytest.approx(reference.matthews_corrcoef(labels, predicted))
    scores = probabilities[:, 1] if classes == 2 else probabilities.astype(np.float64)
    if classes > 2:
        scores /= scores.sum(axis=1, keepdims=True)
    assert m.auroc == pytest.approx(reference.roc_auc_score(labels, scores, multi_class="ovr"), abs=1e-6)
    assert m.log_loss == pytest.approx(reference.log_loss(labels, probabilities), rel=1e-5)
    matrix = reference.confusion_matrix(labels, predicted, labels=range(classes))
    assert m.confusions == [(*cell, rows) for cell, rows in np.ndenumerate(matrix) if rows]
    areas = [reference.roc_auc_score(labels == k, probabilities[:, k]) for k in range(classes)]
    assert [one.auroc for one in m.classes] == pytest.approx(areas, abs=1e-6)
    table = reference.precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    ours = [[one.precision for one in m.classes], [one.recall for one in m.classes], [one.f1 for one in m.classes]]
    assert np.allclose(ours, table[:3])


def test_classes_without_rows_do_not_count_in_recall_or_auroc():
    labels, probabilities = random_predictions(200, 3, seed=1)
    wide = np.hstack([probabilities, np.zeros((200, 2), np.float32)])
    narrow, padded = compute_metrics(labels, probabilities, names(3)), compute_metrics(labels, wide, names(5))
    for figure in ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc", "log_loss", "ece", "brier"):
        assert getattr(padded, figure) == pytest.approx(getattr(narrow, figure)), figure
    assert padded.classes[4].auroc is None
    assert padded.classes[4].support == 0


def test_a_test_split_of_one_class_has_no_auroc_and_is_still_json():
    m = compute_metrics(np.array([1, 1, 1]), np.array([[0.4, 0.6], [0.7, 0.3], [0.1, 0.9]]), names(2))
    assert m.auroc is None
    assert m.mcc == 0
    assert m.balanced_accuracy == pytest.approx(2 / 3)
    json.dumps(m.model_dump(), allow_nan=False)


def test_a_certain_and_wrong_row_costs_a_finite_loss():
    m = compute_metrics(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]], np.float32), names(2))
    assert m.log_loss == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2)
    assert m.ece == pytest.approx(0.5)
    assert m.calibration[-1].rows == 2


@pytest.mark.slow
@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_the_order_of_rows_and_the_names_of_classes_do_not_matter(classes, rows, seed):
    labels, probabilities = random_predictions(rows, classes, seed)
    random = np.random.default_rng(seed)
    order, relabel = random.permutation(rows), random.permutation(classes)
    moved = np.empty_like(probabilities)
    moved[:, relabel] = probabilities
    one = compute_metrics(labels, probabilities, names(classes))
    other = compute_metrics(relabel[labels][order], moved[order], names(classes))
    for figure in ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc", "log_loss", "brier", "ece"):
        assert getattr(other, figure) == pytest.approx(getattr(one, figure), abs=1e-6), figure
    assert sum(b.rows for b in one.calibration) == rows == sum(c.support for c in one.classes)


def test_ties_count_half_in_the_area():
    labels = np.array([0, 0, 1, 1, 1])
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.1, 0.9]])
    m = compute_metrics(labels, probabilities, names(2))
    assert m.classes[1].auroc == pytest.approx(reference.roc_auc_score(labels, probabilities[:, 1]))


def test_many_tables_of_counts_at_once_give_the_figures_of_each():
    matrices = np.random.default_rng(0).integers(0, 9, (7, 4, 4)).astype(float)
    counts = np.diagonal(matrices, axis1=1, axis2=2), matrices.sum(axis=2), matrices.sum(axis=1)
    together = count_figures(*counts)
    for place in range(len(matrices)):
        for name, value in count_figures(*(column[place] for column in counts)).items():
            assert together[name][place] == pytest.approx(float(value)), name


def test_pairs_are_true_class_then_predicted_class():
    labels, predicted = np.array([0, 0, 2]), np.array([1, 1, 2])
    assert confusion_cells(labels, predicted, 3) == [(0, 1, 2), (2, 2, 1)]
    assert [column.tolist() for column in count_classes(labels, predicted, 3)] == [[0, 0, 1], [2, 0, 1], [0, 2, 1]]


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[0.5, 0.5]], r"shape \(1, 2\) for 2 labels and 2 classes"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "labels from 0 to 2 with 2 classes"),
        ([0, 1], [[0.5, 0.5], [float("nan"), 0.5]], "not finite"),
        ([0, 1], [[0.5, 0.5], [2.0, 0.5]], "do not sum to 1"),
        ([], np.zeros((0, 2)), "no rows"),
    ],
)
def test_numbers_that_are_no_predictions_are_refused(labels, probabilities, message):
    with pytest.raises(CheckBroken, match=message):
        compute_metrics(np.array(labels, dtype=np.int64), np.array(probabilities), names(2))
