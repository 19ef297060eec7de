"""Cross-check: our masks and Great Expectations must count the same breaches, or no row is let through.

In: the profile of each batch and what the masks found in it. Out: nothing, or CheckBroken. Promise: both engines see
every row, about ROWS_PER_CALL rows per call, so that memory does not grow with the table.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from seqcls.errors import CheckBroken
from seqcls.validation.expectations import count_breaches
from seqcls.validation.profile import Profile
from seqcls.validation.rules import Rule

# A call of Great Expectations costs 0.1 to 0.15 s for any number of rows, and copies its columns. This number, plus at
# most one batch, is the measured compromise between time and memory (docs/reference/decisions/0003).
ROWS_PER_CALL = 196_608


class CrossCheck:
    """Collects profiles until a call pays off; `close` checks the rest."""

    def __init__(self, rules: list[Rule], budget: float) -> None:
        self.rules, self.budget = rules, budget
        self._measures = {rule.measure for rule in rules}
        self._profiles: list[Profile] = []
        self._ours: Counter[str] = Counter()
        self._rows = 0

    def add(self, profile: Profile, ours: dict[str, int]) -> None:
        """One batch: its profile and the rows that our masks found, by rule."""
        self._profiles.append({name: profile[name] for name in self._measures})
        self._ours.update(ours)
        self._rows += len(profile["label"])
        if self._rows >= ROWS_PER_CALL:
            self.close()

    def close(self) -> None:
        """Check the rows collected so far."""
        if self._rows:
            joined = {name: np.concatenate([part.pop(name) for part in self._profiles]) for name in self._measures}
            require_agreement(joined, self.rules, self.budget, self._ours)
        self._profiles, self._ours, self._rows = [], Counter(), 0


def require_agreement(profile: Profile, rules: list[Rule], budget: float, ours: Counter[str]) -> None:
    """Raise CheckBroken if the two engines count differently."""
    for name, theirs in count_breaches(profile, rules, budget).items():
        if theirs != ours[name]:
            raise CheckBroken(
                f"rule {name}: the mask finds {ours[name]} rows, Great Expectations {theirs}",
                where=f"{len(profile[rules[0].measure])} rows of the profile",
                expected="equal numbers",
                next_step="report this with the config: no data was let through",
            )
