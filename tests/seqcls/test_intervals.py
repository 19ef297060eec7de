"""Bootstrap intervals and paired comparison."""

from __future__ import annotations

import time

import numpy as np
import pytest

from seqcls.data.class_counts import count_classes, count_figures
from seqcls.errors import CheckBroken
from seqcls.evaluation.intervals import bootstrap, paired_difference
from seqcls.evaluation.metrics import compute_metrics


def predictions(rows: int, classes: int, seed: int, right: float = 0.7):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    predicted = np.where(random.random(rows) < right, labels, random.integers(0, classes, rows))
    return labels, predicted


def one_hot(predicted, classes):
    return np.eye(classes)[predicted]


def names(classes: int) -> list[str]:
    return [str(k) for k in range(classes)]


def test_the_interval_of_accuracy_is_that_of_a_share():
    labels, predicted = predictions(2000, 3, seed=0)
    low, high = bootstrap(labels, one_hot(predicted, 3), names(3))["accuracy"]
    share = (labels == predicted).mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 2000)  # Wald's interval, good at this size
    assert low == pytest.approx(share - half, abs=0.005)
    assert high == pytest.approx(share + half, abs=0.005)


def test_counts_of_the_confusion_matrix_stand_for_rows_drawn_one_by_one():
    labels, predicted = predictions(150, 4, seed=1)
    random = np.random.default_rng(5)
    drawn = random.integers(0, 150, (2000, 150))
    slow = [count_figures(*count_classes(labels[rows], predicted[rows], 4)) for rows in drawn]
    fast = bootstrap(labels, one_hot(predicted, 4), names(4), resamples=2000)
    for figure, (low, high) in fast.items():
        expected = np.percentile([float(one[figure]) for one in slow], [2.5, 97.5])
        assert [low, high] == pytest.approx(expected.tolist(), abs=0.02), figure


def test_intervals_hold_the_figures_and_repeat_with_the_seed():
    labels, predicted = predictions(400, 20, seed=2)
    probabilities = one_hot(predicted, 20)
    figures = compute_metrics(labels, probabilities, names(20))
    once = bootstrap(labels, probabilities, names(20))
    assert set(once) == {"accuracy", "balanced_accuracy", "macro_f1", "mcc"}
    for name, (low, high) in once.items():
        assert low < getattr(figures, name) < high, name
    assert bootstrap(labels, probabilities, names(20)) == once
    assert bootstrap(labels, probabilities, names(20), seed=1) != once


def test_a_perfect_model_and_a_single_row_have_intervals_without_width():
    labels = np.array([0, 1, 2] * 10)
    assert bootstrap(labels, one_hot(labels, 3), names(3))["accuracy"] == (1.0, 1.0)
    assert bootstrap(np.array([1]), np.array([[0.2, 0.8]]), names(2))["mcc"] == (0.0, 0.0)


def test_a_class_with_one_row_is_sometimes_not_drawn_and_then_does_not_count():
    labels = np.array([0] * 99 + [1])
    low, high = bootstrap(labels, one_hot(np.zeros(100, dtype=int), 2), names(2))["balanced_accuracy"]
    assert (low, high) == (0.5, 1.0)


@pytest.mark.slow
def test_fifty_thousand_rows_of_fifty_classes_take_less_than_three_seconds():
    labels, predicted = predictions(50_000, 50, seed=3)
    started = time.process_time()
    bootstrap(labels, one_hot(predicted, 50), names(50))
    assert time.process_time() - started < 3


def test_the_better_of_two_models_is_named_with_its_interval():
    labels, worse = predictions(1000, 3, seed=4, right=0.5)
    better = np.where(np.random.default_rng(9).random(1000) < 0.5, labels, worse)
    found = paired_difference(labels, worse, better, "accuracy")
    assert found.estimate == pytest.approx((better == labels).mean() - (worse == labels).mean())
    assert (found.a, found.b) == (pytest.approx((worse == labels).mean()), pytest.approx((better == labels).mean()))
    assert 0 < found.low < found.estimate < found.high
    assert found.p_better == 1.0
    back = paired_difference(labels, better, worse, "accuracy")
    assert back.estimate == pytest.approx(-found.estimate)
    assert back.p_better == 0.0


def test_a_model_against_itself_differs_by_nothing():
    labels, predicted = predictions(100, 3, seed=5)
    found = paired_difference(labels, predicted, predicted, "mcc")
    assert (found.estimate, found.low, found.high, found.p_better) == (0, 0, 0, 0.5)


def test_pairing_is_narrower_than_two_separate_intervals():
    labels, a = predictions(500, 3, seed=6)
    b = a.copy()
    b[:10] = labels[:10]  # the two models differ in ten rows at most
    found = paired_difference(labels, a, b, "balanced_accuracy")
    low, high = bootstrap(labels, one_hot(a, 3), names(3))["balanced_accuracy"]
    assert found.high - found.low < (high - low) / 2


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "mcc"])
def test_paired_figures_are_those_of_each_model_alone(metric):
    labels, a = predictions(300, 20, seed=7)
    _, b = predictions(300, 20, seed=8)
    found = paired_difference(labels, a, b, metric, resamples=50)
    assert found.a == pytest.approx(getattr(compute_metrics(labels, one_hot(a, 20), names(20)), metric))
    assert found.b == pytest.approx(getattr(compute_metrics(labels, one_hot(b, 20), names(20)), metric))


def test_predictions_of_other_rows_are_refused():
    with pytest.raises(CheckBroken, match="3 labels, 3 and 2 predictions"):
        paired_difference(np.array([0, 1, 1]), np.array([0, 1, 1]), np.array([0, 1]))
