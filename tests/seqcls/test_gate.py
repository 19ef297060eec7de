"""The gate's rules, one by one, on figures made by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from seqcls.config.promote import Behaviour, Floor, PromoteConfig
from seqcls.registry.behaviour import behaviour_checks
from seqcls.registry.comparison import comparison_check
from seqcls.registry.gate import Check, Decision, baseline_checks, class_checks, floor_checks
from seqcls.store.records import Comparison
from seqcls.table import Kind

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
    assert [check.passed for check in baseline_checks(PromoteConfig(), figures)] == [passed]


def test_a_decision_passes_only_when_every_check_does_and_names_the_others() -> None:
    yes = Check(rule="one", passed=True, found="1", expected="1")
    no = Check(rule="two", passed=False, found="0.1", expected="at least 0.5")
    assert Decision(model="m@v1", champion=None, checks=(yes,)).passed
    refused = Decision(model="m@v1", champion=None, checks=(yes, no))
    assert not refused.passed
    assert refused.refusals == ["two: 0.1, expected at least 0.5"]


@pytest.mark.parametrize(
    ("rule", "low", "high", "passed"),
    [
        ("estimate", -0.03, 0.04, True),
        ("not_worse", -0.03, 0.04, False),
        ("not_worse", -0.02, 0.04, True),
        ("better", -0.001, 0.03, False),
        ("better", 0.001, 0.03, True),
    ],
)
def test_the_rule_says_what_the_interval_must_show(rule: Any, low: float, high: float, passed: bool) -> None:
    tolerance = 0.0 if rule == "better" else 0.02
    found = Comparison(
        metric="accuracy", champion=0.9, challenger=0.9, difference=0.0, low=low, high=high, rows=9, left_out=0
    )
    assert comparison_check(PromoteConfig(rule=rule, tolerance=tolerance), found, "m@v1").passed is passed


def test_a_tolerance_that_better_does_not_use_is_refused() -> None:
    with pytest.raises(ValueError, match='leave it out, or set rule = "not_worse"'):
        PromoteConfig(rule="better", tolerance=0.01)


def test_recall_calibration_and_test_rows_have_floors() -> None:
    rules = PromoteConfig(class_recall=0.8, most_ece=0.05, min_test_rows=21)
    classes = [{**item, "recall": recall} for item, recall in zip(GOOD["test"]["classes"], (0.9, 0.7), strict=True)]
    figures = {**GOOD, "test": {**GOOD["test"], "classes": classes, "ece": 0.06}}
    checks = [*floor_checks(rules, figures), *class_checks(rules, figures)]
    assert [(check.found, check.expected) for check in checks if not check.passed] == [
        ("0.0600", "at most 0.0500"),
        ("20", "at least 21"),
        ("0.7000 of b", "at least 0.8000"),
    ]


@pytest.mark.parametrize(("high", "passed"), [(0.01, True), (-0.01, False)])
def test_the_linear_baseline_must_not_be_shown_to_be_better(high: float, passed: bool) -> None:
    linear = {"metric": "balanced_accuracy", "estimate": -0.05, "low": -0.1, "high": high}
    trivial, against = baseline_checks(PromoteConfig(), {**GOOD, "against_linear": linear})
    assert (trivial.passed, against.passed) == (True, passed)


@pytest.mark.parametrize(
    ("kind", "change", "value", "changed"),
    [
        ("text", "padding", "a b", "  a b  "),
        ("text", "case", "a b", "A B"),
        ("dna", "padding", "ACG", "NNNNACGNNNN"),
        ("dna", "case", "ACG", "acg"),
        ("dna", "strand", "AACGTRN", "NYACGTT"),
        ("protein", "shift", "MKV", "KV"),
        ("tokens", "shift", ["a", "b"], ["b"]),
        ("series", "shift", [[1.0, 2.0, 4.0]], [[2.0, 4.0]]),
    ],
)
def test_a_change_of_the_rows_is_scored_and_the_answers_that_stay_are_counted(
    kind: Kind, change: Any, value: Any, changed: Any
) -> None:
    seen = []

    def answer(rows: pa.Table) -> list[str]:
        seen.append(rows["sequence"].to_pylist())
        return ["a", "b" if rows["sequence"].to_pylist()[1] == value else "a"]

    rows = pa.table({"sequence": [value, value], "label": ["a", "b"]})
    (check,) = behaviour_checks([Behaviour(change=change, at_least=0.75)], kind, rows, answer)
    assert seen == [[value, value], [changed, changed]]
    assert (check.passed, check.found, check.expected) == (False, "0.5000", "at least 0.7500")


def test_noise_is_one_percent_of_each_channel_and_the_same_each_time() -> None:
    wave, seen = [[0.0, 100.0] * 500, [1.0] * 1000], []

    def answer(rows: pa.Table) -> list[str]:
        seen.append(rows["sequence"].to_pylist()[0])
        return ["a"]

    for _ in range(2):
        behaviour_checks([Behaviour(change="noise", at_least=1.0)], "series", pa.table({"sequence": [wave]}), answer)
    assert seen[1] == seen[3] != wave
    added = pa.array(seen[1][0]).to_numpy() - pa.array(wave[0]).to_numpy()
    assert added.std() == pytest.approx(0.5, rel=0.1)
    assert seen[1][1] == wave[1]
