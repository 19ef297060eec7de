"""The real Great Expectations: it counts as our masks do, and a check that did not run is never bad data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.errors import CheckBroken
from seqcls.validation import expectations
from seqcls.validation.expectations import count_breaches, expect
from seqcls.validation.rules import Rule

LENGTH = Rule("length", "sequence", "reject", "length", "length is {value}", "1 to 5", at_least=1, at_most=5)
EMPTY = Rule("empty", "sequence", "reject", "length", "missing", "a sequence", present=True)
LABEL = Rule("unknown_label", "label", "warn", "label", "label is {value}", "a or b", among=(0, 1))
SHARE = Rule("ambiguous", "sequence", "fail", "share", "share is {value}", "at most 0.1", at_most=0.1)
RULES = [LENGTH, EMPTY, LABEL, SHARE]


def test_breaches_are_counted_for_each_rule() -> None:
    profile = {
        "length": np.array([0.0, 1.0, 5.0, 6.0, np.nan]),
        "label": np.array([0.0, 1.0, 2.0, np.nan, 0.0]),
        "share": np.array([0.1, 1 / 10, 0.10001, 0.0, np.nan]),
    }
    assert count_breaches(profile, RULES, 0.05) == {"length": 2, "empty": 1, "unknown_label": 1, "ambiguous": 1}


def test_nothing_is_logged_or_printed(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level("DEBUG"):
        count_breaches({"length": np.array([1.0])}, [LENGTH], 0.0)
    assert [record.message for record in caplog.records if record.name.startswith("great_expectations")] == []
    assert capfd.readouterr() == ("", "")


def test_a_check_that_cannot_run_is_broken_not_bad_data() -> None:
    with pytest.raises(CheckBroken, match="the check 'empty' did not run"):
        count_breaches({"other": np.array([1.0])}, [EMPTY], 0.0)


def test_no_rules_and_no_rows_are_broken_checks() -> None:
    with pytest.raises(CheckBroken, match="0 rules"):
        count_breaches({"length": np.array([1.0])}, [], 0.0)
    with pytest.raises(CheckBroken, match=r"columns of \[0\] rows"):
        count_breaches({"length": np.array([])}, [LENGTH], 0.0)


def test_an_answer_too_few_is_a_broken_check(monkeypatch: pytest.MonkeyPatch) -> None:
    real = expectations._validate
    monkeypatch.setattr(expectations, "_validate", lambda profile, asked: real(profile, asked)[:-1])
    with pytest.raises(CheckBroken, match="2 answers"):
        count_breaches({"length": np.array([1.0])}, [LENGTH, EMPTY], 0.0)


def test_policies_become_mostly_and_severity() -> None:
    found = {
        rule.policy: (expect(rule, 0.25).mostly, expect(rule, 0.25).severity.value) for rule in (LENGTH, LABEL, SHARE)
    }
    assert found == {"reject": (0.75, "warning"), "warn": (0.0, "info"), "fail": (1.0, "critical")}


floats = st.lists(st.sampled_from([0.0, 0.1, 0.1 + 1e-9, 1.0, 5.0, 5.5, float("nan")]), min_size=4, max_size=4)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(floats, floats, floats)
def test_masks_and_great_expectations_count_the_same(
    lengths: list[float], labels: list[float], shares: list[float]
) -> None:
    profile = {"length": np.array(lengths), "label": np.floor(labels), "share": np.array(shares)}
    theirs = count_breaches(profile, RULES, 0.05)
    assert theirs == {rule.name: int(rule.broken_by(profile).sum()) for rule in RULES}


@pytest.mark.slow
def test_only_a_validation_pays_for_the_import() -> None:
    code = (
        "import sys, seqcls.validation.validate, seqcls.splitting.split;"
        "print('great_expectations' in sys.modules, 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False False"
