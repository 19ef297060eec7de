"""The simulation of the gate, with fewer challengers: what docs/evidence/gate.md says holds."""

from __future__ import annotations

from benchmarks.gate import Case, promoted


def test_better_promotes_neither_equal_nor_worse_challengers_and_most_that_are_better() -> None:
    equal = promoted(Case(0.0, 2_000), challengers=100)
    worse, better = (promoted(Case(points, 2_000), challengers=30) for points in (-2.0, 2.0))
    assert equal["better"] <= 0.05
    assert worse == {"estimate": 0.0, "not_worse": 0.0, "better": 0.0}
    assert better["better"] >= 0.8
    assert equal["estimate"] > 0.3  # why there are other rules
