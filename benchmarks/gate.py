"""`python -m benchmarks.gate`: how often the gate is wrong, by simulation.

A champion and 200 challengers of known accuracy answer the same test rows; both models' errors overlap as those of two
trainings on the same data do: most rows that one gets wrong, the other gets wrong too. Out: the share of the
challengers that each rule promotes. What it must show: `better` promotes at most 5 % of equal challengers and of those
that are 2 points worse, and at least 80 % of those that are 2 points better, on 2,000 test rows.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from seqcls.config.promote import PromoteConfig
from seqcls.registry.behaviour import Answer
from seqcls.registry.comparison import compare, comparison_check

RULES = (
    PromoteConfig(rule="estimate", compare="accuracy"),
    PromoteConfig(rule="not_worse", compare="accuracy", tolerance=0.01),
    PromoteConfig(rule="better", compare="accuracy"),
)
CLASSES = 3
ACCURACY = 0.90
ONLY_ONE_WRONG = 0.08
"""Share of the rows that exactly one of two equal models gets right: two trainings of one network differ so."""


@dataclass(frozen=True)
class Case:
    points: float
    """True accuracy of the challengers minus that of the champion, in points."""
    rows: int


CASES = tuple(Case(points, rows) for rows in (500, 2_000) for points in (-2.0, 0.0, 2.0))


def promoted(case: Case, challengers: int, seed: int = 0) -> dict[str, float]:
    """Rule -> share of the challengers that it promotes."""
    random = np.random.default_rng([seed, case.rows, int(case.points * 100) + 10_000])
    counts = dict.fromkeys((rules.rule for rules in RULES), 0)
    for _ in range(challengers):
        rows, answers = _draw(case, random)
        found = compare(rows, 0, "accuracy", *answers)
        for rules in RULES:
            counts[rules.rule] += comparison_check(rules, found, "champion").passed
    return {rule: count / challengers for rule, count in counts.items()}


def _draw(case: Case, random: np.random.Generator) -> tuple[pa.Table, tuple[Answer, Answer]]:
    """Test rows, and the two functions that answer them: champion, challenger."""
    gain = case.points / 100
    only_new, only_old = (ONLY_ONE_WRONG + gain) / 2, (ONLY_ONE_WRONG - gain) / 2
    both = ACCURACY - only_old
    shares = [both, only_old, only_new, 1 - both - only_old - only_new]
    outcome = random.choice(4, size=case.rows, p=shares)
    truth = random.integers(0, CLASSES, case.rows)
    wrong = (truth + random.integers(1, CLASSES, case.rows)) % CLASSES
    names = np.array([f"class {number}" for number in range(CLASSES)])
    old = names[np.where(np.isin(outcome, (0, 1)), truth, wrong)].tolist()
    new = names[np.where(np.isin(outcome, (0, 2)), truth, wrong)].tolist()
    return pa.table({"label": names[truth].tolist()}), (lambda _: old, lambda _: new)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate")
    parser.add_argument("--challengers", type=int, default=200)
    options = parser.parse_args()
    print("| test rows | challenger against champion | " + " | ".join(f"`{rules.rule}`" for rules in RULES) + " |")
    print("|---|---|" + "---|" * len(RULES))
    for case in CASES:
        shares = promoted(case, options.challengers)
        cells = " | ".join(f"{share:.1%}" for share in shares.values())
        print(f"| {case.rows:,} | {case.points:+.0f} points | {cells} |")


if __name__ == "__main__":
    main()
