"""Each rule on a row that breaks it and a row that does not; what the config must refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcls.errors import ConfigRefused
from seqcls.table import Kind
from seqcls.validation.rulebook import Asked, build_rules
from seqcls.validation.rules import Rule
from tests.seqcls.table_examples import make_pipeline


def rules_of(kind: Kind, labelled: bool = True, **rules: Any) -> dict[str, Rule]:
    asked = Asked(make_pipeline(kind, rules=rules), labelled, 0.0, tuple(rules.get("label_set", [])))
    return {rule.name: rule for rule in build_rules(asked, classes=("a", "b"), channels=2)}


def custom(kind: Kind, **rule: Any) -> Rule:
    return rules_of(kind, custom=[{"name": "mine", **rule}])["mine"]


def test_reasons_hold_the_value_found_and_what_was_expected() -> None:
    rule = rules_of("tokens", max_length=500)["length"]
    profile = {"length": np.array([512.0, 3.0, np.nan, 0.0])}
    assert rule.broken_by(profile).tolist() == [True, False, False, True]
    assert rule.reasons(profile, np.array([0, 3])).to_pylist() == [
        "length is 512, expected 1 to 500",
        "length is 0, expected 1 to 500",
    ]


def test_a_foreign_letter_is_named_with_its_position() -> None:
    rule = rules_of("dna")["alphabet"]
    profile = {"foreign": np.array([2, 1]), "foreign_byte": np.array([74, 195]), "foreign_at": np.array([5, 1])}
    assert rule.reasons(profile, np.array([0, 1])).to_pylist() == [
        "2 letters outside the alphabet, first 'J' at position 5, expected IUPAC letters",
        "1 letters outside the alphabet, first byte 0xC3 at position 1, expected IUPAC letters",
    ]


def test_an_unknown_label_is_named() -> None:
    rule = rules_of("text", label_set=["a"])["unknown_label"]
    profile = {"label": np.array([0.0, 1.0, np.nan])}
    assert rule.broken_by(profile).tolist() == [False, True, False]
    assert rule.reasons(profile, np.array([1])).to_pylist() == ["label is 'b', expected one of a"]


def test_no_label_of_the_set_in_the_data_breaks_every_row() -> None:
    rule = rules_of("text", label_set=["x"])["unknown_label"]
    assert rule.broken_by({"label": np.array([0.0, 1.0])}).all()


def test_scoring_has_no_rule_about_classes() -> None:
    assert {"missing_label", "conflicting_label"} <= set(rules_of("text"))
    scoring = rules_of("text", labelled=False, duplicate_row="reject", label_set=["a"])
    assert set(scoring) == {"empty", "length", "control_characters", "damaged_text", "duplicate_id"}


def test_off_rules_are_not_asked() -> None:
    assert "constant" not in rules_of("series", constant="off")
    assert "min_letters" not in rules_of("text")


@pytest.mark.parametrize(("kind", "name"), [("text", "empty"), ("dna", "alphabet"), ("series", "wrong_channels")])
def test_what_cannot_be_encoded_is_rejected_whatever_the_policy(kind: Kind, name: str) -> None:
    for policy in ("off", "warn"):
        rule = rules_of(kind, **{name: policy})[name]
        assert rule.policy == "reject"
        assert "cannot be encoded" in rule.override
    assert rules_of(kind, **{name: "fail"})[name].policy == "fail"


def test_channels_left_out_are_those_of_the_first_series() -> None:
    rule = rules_of("series")["wrong_channels"]
    assert rule.broken_by({"channels": np.array([1, 2, 3])}).tolist() == [True, False, True]


def test_a_bound_of_minimum_is_meant_as_float32() -> None:
    rule = custom("series", measure="maximum", at_most=0.1)
    assert not rule.broken_by({"maximum": np.array([float(np.float32(0.1))])}).any()


def test_a_pattern_without_bounds_must_match() -> None:
    rule = custom("dna", measure="matches", pattern="^ATG")
    assert rule.broken_by({"matches_mine": np.array([0, 1])}).tolist() == [True, False]
    forbidden = custom("dna", measure="matches", pattern="NN", at_most=0)
    assert forbidden.broken_by({"matches_mine": np.array([0, 1])}).tolist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "rule", "message"),
    [
        ("text", {"measure": "mean", "at_most": 1}, "'mean' is not measured of text; expected one of length, matches"),
        ("text", {"measure": "matches"}, "expected a pattern"),
        ("text", {"measure": "length", "pattern": "x"}, "for no other"),
        ("text", {"measure": "matches", "pattern": "(a"}, "is not RE2"),
        ("text", {"measure": "matches", "pattern": r"(a)\1"}, "no look-around, no back references"),
        ("dna", {"measure": "length"}, "neither at_least nor at_most"),
        ("dna", {"measure": "length", "at_least": 3, "at_most": 2}, "at_least 3 is above at_most 2"),
    ],
)
def test_a_user_rule_that_cannot_be_meant_is_refused(kind: Kind, rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        custom(kind, **rule)
    assert message in str(refused.value)
    assert "rules.custom (mine)" in str(refused.value)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigRefused, match="two rules are named 'length'"):
        rules_of("text", custom=[{"name": "length", "measure": "length", "at_most": 3}])
