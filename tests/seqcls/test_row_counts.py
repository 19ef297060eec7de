"""Rows of a stage: counts are added outcome by outcome, and a row without an outcome, or with two, is noticed."""

from __future__ import annotations

import pytest

from seqcls.errors import CheckBroken
from seqcls.table import EncodedCounts, RowCounts, ScoreCounts, TableCounts


def test_counts_are_added_outcome_by_outcome() -> None:
    assert ScoreCounts(24, 20, 3, 1) + ScoreCounts(6, 5, 0, 1) == ScoreCounts(30, 25, 3, 2)
    assert sum([TableCounts(3, 2, 1), TableCounts(4, 4)], TableCounts()) == TableCounts(7, 6, 1)


@pytest.mark.parametrize(
    "counts", [ScoreCounts(24, 20, 3, 1), TableCounts(3, 2, 1), EncodedCounts(5, 5), ScoreCounts()]
)
def test_counts_in_which_each_row_has_one_outcome_pass(counts: RowCounts) -> None:
    counts.require_balance("chunk 0")


@pytest.mark.parametrize("counts", [ScoreCounts(24, 20, 3, 2), TableCounts(3, 2), EncodedCounts(5, 5, 1)])
def test_a_row_too_many_or_too_few_is_an_error_that_names_the_place(counts: RowCounts) -> None:
    with pytest.raises(CheckBroken, match=rf"chunk 7: {counts.rows_in} rows in, \d+ \w+, \d+ \w+.*sums that agree"):
        counts.require_balance("chunk 7")
