"""Temperature and abstention: by hand, against a second minimiser, and over simulated repetitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from seqcls.evaluation.calibration import choose_abstention, choose_threshold, least_precision, measure_calibration
from seqcls.evaluation.probabilities import softmax
from seqcls.training.temperature import COLDEST, HOTTEST, fit_temperature, unsure_targets


def too_sure(rows: int, factor: float, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose chances would be right if they were divided by `factor`, and labels drawn from those chances."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (rows, classes))
    chances = softmax(logits)
    labels = (random.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return logits * factor, labels


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_the_temperature_undoes_what_made_the_logits_too_sure(factor: float) -> None:
    logits, labels = too_sure(6000, factor)
    assert fit_temperature(logits, labels) == pytest.approx(factor, rel=0.05)


@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.2, 6.0))
@settings(max_examples=40, deadline=None)
def test_the_temperature_agrees_with_a_second_minimiser_and_no_label_changes(
    seed: int, rows: int, factor: float
) -> None:
    logits, labels = too_sure(rows, factor, seed)
    found = fit_temperature(logits, labels)
    targets = unsure_targets(labels, 3)

    def log_loss(log_temperature: float) -> float:
        return float(-(targets * np.log(softmax(logits, float(np.exp(log_temperature))))).sum(axis=1).mean())

    other = minimize_scalar(log_loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    assert log_loss(float(np.log(found))) <= other.fun + 1e-9
    assert COLDEST <= found <= HOTTEST
    np.testing.assert_array_equal(softmax(logits, found).argmax(axis=1), logits.argmax(axis=1))


def test_rows_that_are_all_right_do_not_make_the_network_infinitely_sure() -> None:
    # 48 rows, all right, logits 1 and 0: the chance that fits is (48 + 1) / (48 + 2), so T = 1 / ln(49).
    found = fit_temperature(np.tile([1.0, 0.0], (48, 1)), np.zeros(48, np.int64))
    assert found == pytest.approx(1 / np.log(49))


def test_rows_without_finite_logits_are_left_out() -> None:
    logits, labels = too_sure(300, 3.0)
    spoilt = np.vstack([logits, [[np.nan, 0, 0]]])
    assert fit_temperature(spoilt, np.append(labels, 0)) == fit_temperature(logits, labels)
    assert fit_temperature(np.full((2, 3), np.inf), np.array([0, 1])) == 1.0


def test_calibration_lowers_error_and_log_loss_on_rows_it_has_not_seen() -> None:
    valid, test = too_sure(1500, 3.0, 1), too_sure(1500, 3.0, 2)
    temperature = fit_temperature(*valid)
    found = measure_calibration(temperature, (valid[1], valid[0]), (test[1], test[0]))
    assert found is not None
    assert found.test_after.ece < 0.05 < found.test_before.ece
    assert found.test_after.log_loss < found.test_before.log_loss
    assert measure_calibration(1.0, None, (test[1], test[0])) is None


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    right, kept = np.array([59, 58, 7, 90, 0]), np.array([59, 58, 10, 100, 5])
    bounds = least_precision(right, kept)
    assert bounds[0] == pytest.approx(0.05 ** (1 / 59))
    assert bounds[0] > 0.95 > bounds[1]  # 59 of 59 right prove 95 %, 58 of 58 do not
    others = [
        binomtest(int(r), int(k), alternative="greater").proportion_ci(0.95, method="exact").low
        for r, k in zip(right, kept, strict=True)
    ]
    np.testing.assert_allclose(bounds, others, rtol=1e-9)


def test_the_threshold_of_the_hand_example() -> None:
    # 200 rows at 0.9, all right; 100 at 0.6, half of them right: two thresholds are possible. 200 of 200 prove 0.95,
    # 250 of 300 do not, but they prove 0.75.
    confidence = np.array([0.6] * 100 + [0.9] * 200)
    right = np.array([True, False] * 50 + [True] * 200)
    threshold, kept, hits, bound = choose_threshold(confidence, right, 0.95)
    assert (threshold, kept, hits) == (0.9, 200, 200)
    assert bound == pytest.approx(0.025 ** (1 / 200))
    assert choose_threshold(confidence, right, 0.75)[:3] == (0.6, 300, 250)
    assert choose_threshold(confidence[:100], right[:100], 0.95) == (None, 0, 0, 0.0)


def test_one_early_mistake_does_not_end_the_search() -> None:
    # The surest row of 400 is wrong, all others are right: the first levels cannot prove 0.95, all rows together do.
    confidence, right = np.linspace(0.5, 1, 400), np.ones(400, bool)
    right[-1] = False
    assert choose_threshold(confidence, right, 0.95)[:3] == (0.5, 400, 399)


def test_no_rows_give_no_threshold() -> None:
    assert choose_threshold(np.zeros(0), np.zeros(0, bool), 0.9) == (None, 0, 0, 0.0)


def test_abstention_is_chosen_on_validation_and_counted_on_test() -> None:
    valid = np.array([0] * 300), np.array([[0.9, 0.1]] * 200 + [[0.4, 0.6]] * 100)
    test = np.array([0, 1, 0]), np.array([[0.95, 0.05], [0.9, 0.1], [0.6, 0.4]])
    found = choose_abstention(valid, test, 0.95)
    assert (found.threshold, found.kept, found.right, found.rows) == (0.9, 200, 200, 300)
    assert found.abstained_share == pytest.approx(1 / 3)
    assert (found.test_kept, found.test_right, found.test_rows) == (2, 1, 3)
    hopeless = choose_abstention(valid, test, 0.999)
    assert (hopeless.threshold, hopeless.kept, hopeless.test_kept) == (None, 0, 0)


@pytest.mark.slow
def test_the_promised_precision_holds_in_all_but_one_of_twenty_repetitions() -> None:
    # The chance of a mistake is 1 - confidence, exponential with mean 0.08; of rows with a chance below u it is on
    # average 0.08 - u / (e^(u / 0.08) - 1).
    random = np.random.default_rng(7)
    kept = broken = 0.0
    for _ in range(400):
        mistake = np.minimum(random.exponential(0.08, 500), 0.9)
        threshold = choose_threshold(1 - mistake, random.random(500) > mistake, 0.93)[0]
        below = 1 - threshold if threshold is not None else 0.0
        kept += float((mistake <= below).mean()) / 400
        broken += bool(below and 0.08 - below / np.expm1(below / 0.08) > 0.07) / 400
    assert broken <= 0.05
    assert kept > 0.6  # without the 95 %: 0.96 of the rows
