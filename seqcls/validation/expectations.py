"""Great Expectations, and nothing else: the same rules, checked by an engine that is independent of our masks.

In: a profile (scalar columns) and rules. Out: the number of breaches of each rule. Promise: one answer per question, or
CheckBroken: a check that did not run is a bug, never bad data. Great Expectations 1.24 keeps one engine and one active
batch per data source and gives wrong answers when threads share a context, so each call makes its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqcls.errors import CheckBroken
from seqcls.validation.profile import Profile
from seqcls.validation.rules import Rule

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

ROWS = "rows"
# partial_unexpected_count 0: no row value leaves the engine (values may be health data), and it is faster.
RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


def count_breaches(profile: Profile, rules: Sequence[Rule], budget: float) -> dict[str, int]:
    """How many rows of the profile break each rule, counted by Great Expectations."""
    rows = {len(values) for values in profile.values()}
    if not rules or len(rows) != 1 or rows == {0}:
        raise CheckBroken(
            f"{len(rules)} rules for columns of {sorted(rows)} rows",
            expected="at least one rule, and columns of equal length",
        )
    total = rows.pop()
    answers = _validate(profile, [_expect_rows(total), *(expect(rule, budget) for rule in rules)])
    counts: dict[str, int] = {}
    for answer in answers:
        name = answer.expectation_config.meta["rule"]
        _check_it_ran(name, answer.exception_info)
        counts[name] = (
            total - int(answer.result["observed_value"]) if name == ROWS else int(answer.result["unexpected_count"])
        )
    if set(counts) != {ROWS, *(rule.name for rule in rules)} or len(answers) != len(rules) + 1:
        raise CheckBroken(
            f"{len(answers)} answers ({', '.join(sorted(counts))})", expected=f"{len(rules) + 1}, one per rule"
        )
    if counts.pop(ROWS) != 0:
        raise CheckBroken("Great Expectations saw a different number of rows", expected=str(total))
    return counts


def expect(rule: Rule, budget: float) -> Expectation:
    """Rule -> typed expectation; `mostly` and the severity follow the policy."""
    import great_expectations.expectations as gxe

    mostly = {"off": 0.0, "warn": 0.0, "reject": 1.0 - budget, "fail": 1.0}[rule.policy]
    severity = {"off": "info", "warn": "info", "reject": "warning", "fail": "critical"}[rule.policy]
    common: dict[str, Any] = {"column": rule.measure, "mostly": mostly, "severity": severity,
                              "meta": {"rule": rule.name, "expected": rule.expected}}  # fmt: skip
    if rule.present:
        return gxe.ExpectColumnValuesToNotBeNull(**common)
    if rule.among is not None:
        return gxe.ExpectColumnValuesToBeInSet(value_set=list(rule.among), **common)
    return gxe.ExpectColumnValuesToBeBetween(min_value=rule.at_least, max_value=rule.at_most, **common)


def _expect_rows(total: int) -> Expectation:
    import great_expectations.expectations as gxe

    return gxe.ExpectTableRowCountToEqual(value=total, meta={"rule": ROWS})


def _validate(profile: Profile, expectations: list[Expectation]) -> list[Any]:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    for name in (
        "great_expectations",
        "great_expectations.data_context.types.base",
    ):  # the second logger sets its own level
        logging.getLogger(name).setLevel(logging.ERROR)  # each temporary folder is reported as INFO
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("profiles").add_dataframe_asset("profile")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
        {"dataframe": pd.DataFrame(profile, copy=False)}
    )
    suite = gx.ExpectationSuite(name="rules", expectations=expectations)
    return list(batch.validate(suite, result_format=RESULT_FORMAT).results)


def _check_it_ran(name: str, info: Any) -> None:
    """An expectation that raised is reported like bad data; only `exception_info` shows the difference."""
    infos = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    for found in infos:
        if found.get("raised_exception"):
            raise CheckBroken(f"the check {name!r} did not run: {found.get('exception_message')}", expected="an answer")
