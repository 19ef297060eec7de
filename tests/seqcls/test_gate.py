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
        "classes": [{"name": "a"}, {"name": "b"}],
        "confusion": [[9, 1], [2, 8]],
    },
    "baselines": {"trivial": {"balanced_accuracy": 0.5}},
}


def with_confusion(confusion: list[list[int]]) -> dict[str, Any]:
    return {**GOOD, "test": {**GOOD["test"], "confusion": confusion}}


@pytest.mark.parametrize(("at_least", "passed"), [(0.89, True), (0.9, True), (0.91, False)])
def test_a_floor_must_be_reached(at_least: float, passed: bool) -> None:
    (check,) = floor_checks(PromoteConfig(floors=[Floor(metric="accuracy", at_least=at_least)]), GOOD)
    assert check.passed is passed
    assert check.found == "0.9000"


def test_a_figure_without_value_reaches_no_floor() -> None:
    (check,) = floor_checks(PromoteConfig(floors=[Floor(metric="auroc", at_least=0.0)]), GOOD)
    assert (check.passed, check.found) == (False, "undefined")


def test_a_class_without_test_rows_keeps_the_model_out() -> None:
    present, predicted = class_checks(PromoteConfig(), with_confusion([[9, 1], [0, 0]]))
    assert (present.passed, present.found) == (False, "none of b")
    assert predicted.passed


def test_a_class_that_is_never_predicted_keeps_the_model_out_unless_that_is_allowed() -> None:
    silent = with_confusion([[10, 0], [10, 0]])
    _present, predicted = class_checks(PromoteConfig(), silent)
    assert (predicted.passed, predicted.found) == (False, "never b")
    assert [check.rule for check in class_checks(PromoteConfig(every_class_predicted=False), silent)] == [
        "every class has test rows"
    ]


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
