"""The tally of a table -> its report; both engines also check the rules about the rows that are left.

In: the row counts of the source and the `Tally` of the second pass. Out: `CheckReport`. Promise: every requested rule
is in it, including those that no row breaks.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from seqcls.table import TableCounts
from seqcls.validation.checks import SHOWN, CheckReport, CheckResult
from seqcls.validation.cross_check import require_agreement
from seqcls.validation.profile import Profile
from seqcls.validation.rulebook import Asked, build_class_rule, build_size_rule
from seqcls.validation.rules import Rule
from seqcls.validation.sieve import Tally


def build_report(
    books: TableCounts, classes: tuple[str, ...], rules: list[Rule], asked: Asked, tally: Tally
) -> CheckReport:
    """`books` are the row counts of the table, `classes` the classes found in it."""
    left: dict[str, int] = {}
    judged = [
        _result(
            rule, tally.found[rule.name], books.accepted, books.rows_in, asked.budget, tally.examples.get(rule.name, [])
        )
        for rule in rules
    ]
    if asked.labelled:
        left = {name: int(count) for name, count in zip(classes, tally.class_rows, strict=True) if count}
        judged += _judge_sizes(left, tally.kept, asked)
    return CheckReport(
        rows_in=books.rows_in,
        accepted=tally.kept,
        rejected=books.rows_in - tally.kept,
        rejected_by_source=books.rejected,
        checks=tuple(judged),
        classes=left,
        similar_label=asked.pipeline.rules.similar_label,
        warnings=tuple(_warnings(rules, judged, len(classes) - len(left) if asked.labelled else 0)),
    )


def _warnings(rules: list[Rule], judged: list[CheckResult], gone: int) -> list[str]:
    """`gone`: classes without an accepted row."""
    warnings = [rule.override for rule in rules if rule.override]
    warnings += [f"{check.rule}: {check.found} rows ({check.share:.2%}), expected {check.expected}"
                 for check in judged if check.policy == "warn" and check.found]  # fmt: skip
    if gone:
        warnings.append(f"{gone} classes of the table have no accepted row")
    return warnings


def _judge_sizes(classes: dict[str, int], kept: int, asked: Asked) -> list[CheckResult]:
    size, least = build_size_rule(asked.pipeline.rules), build_class_rule(asked.pipeline.rules)
    results = []
    for rule, column, names in ((size, [kept], []), (least, list(classes.values()), list(classes))):
        profile: Profile = {rule.measure: np.array(column, np.int64)}
        mask = rule.broken_by(profile)
        if len(mask):
            require_agreement(profile, [rule], asked.budget, Counter({rule.name: int(mask.sum())}))
        small = [names[place] for place in np.flatnonzero(mask)[:SHOWN]] if names else []
        results.append(_result(rule, int(mask.sum()), len(mask), len(mask), asked.budget, small))
    return results


def _result(rule: Rule, found: int, judged: int, rows_in: int, budget: float, examples: list[str]) -> CheckResult:
    within = {"warn": True, "reject": found <= budget * rows_in, "fail": found == 0}[rule.policy]
    return CheckResult(rule=rule.name, column=rule.column, policy=rule.policy, expected=rule.expected, found=found,
                       share=found / judged if judged else 0.0, success=within, examples=tuple(examples))  # fmt: skip
