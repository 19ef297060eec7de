"""The gate's rules, one by one, on figures made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from seqcls.config.train import Floor, PromoteConfig
from seqcls.registry.gate import Check, Decision, baseline_check, class_checks, floor_checks

GOOD = {
    "test": {
        "accuracy": 0.9,
        "balanced_accuracy": 0.85,
        "auroc": None,
        "classes": [{"name": "a", "support": 10, "predicted": 11}, {"name": "b", "support": 10, "predicted": 9}],
    },
    "baselines": {"trivial": {"balanced_accuracy": 0.5}},
}


def with_counts(*counts: tuple[int, int]) -> dict[str, Any]:
    """Test rows and predictions of each class."""
    pairs = zip("abcdefghijklmn", counts, strict=False)
    classes = [{"name": name, "support": rows, "predicted": answers} for name, (rows, answers) in pairs]
    return {**GOOD, "test": {**GOOD["test"], "classes": classes}}


@pytest.mark.parametrize(("at_least", "passed"), [(0.89, True), (0.9, True), (0.91, False)])
def test_a_floor_must_be_reached(at_least: float, passed: bool) -> None:
    (check,) = floor_checks(PromoteConfig(floors=[Floor(metric="accuracy", at_least=at_least)]), GOOD)
    assert check.passed is passed
    assert check.found == "0.9000"


def test_a_figure_without_value_reaches_no_floor() -> None:
    (check,) = floor_checks(PromoteConfig(floors=[Floor(metric="auroc", at_least=0.0)]), GOOD)
    assert (check.passed, check.found) == (False, "undefined")


def test_a_class_without_test_rows_keeps_the_model_out() -> None:
    present, predicted = class_checks(PromoteConfig(), with_counts((10, 9), (0, 1)))
    assert (present.passed, present.found) == (False, "none of b")
    assert predicted.passed


def test_a_class_that_is_never_predicted_keeps_the_model_out_unless_that_is_allowed() -> None:
    silent = with_counts((10, 20), (10, 0))
    _present, predicted = class_checks(PromoteConfig(), silent)
    assert (predicted.passed, predicted.found) == (False, "never b")
    assert [check.rule for check in class_checks(PromoteConfig(every_class_predicted=False), silent)] == [
        "every class has test rows"
    ]


def test_many_classes_without_rows_are_counted() -> None:
    present, _ = class_checks(PromoteConfig(), with_counts(*[(0, 1)] * 14))
    assert present.found == "none of a, b, c, d, e, f, g, h, i, j and 4 more"


@pytest.mark.parametrize(("trivial", "passed"), [(0.5, True), (0.85, False), (0.9, False)])
def test_the_trivial_baseline_must_be_beaten_when_asked(trivial: float, passed: bool) -> None:
    figures = {**GOOD, "baselines": {"trivial": {"balanced_accuracy": trivial}}}
    assert baseline_check(PromoteConfig(), figures).passed is passed


def test_a_decision_passes_only_when_every_check_does_and_names_the_others() -> None:
    yes = Check(rule="one", passed=True, found="1", expected="1")
    no = Check(rule="two", passed=False, found="0.1", expected="at least 0.5")
    assert Decision(model="m@v1", champion=None, checks=(yes,)).passed
    refused = Decision(model="m@v1", champion=None, checks=(yes, no))
    assert not refused.passed
    assert refused.refusals == ["two: 0.1, expected at least 0.5"]
