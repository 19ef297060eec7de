"""Measured by hand, and against plain Python on random sequences."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.errors import ConfigRefused
from seqcls.table import Kind, table_schema
from seqcls.validation.profile import check_pattern, measure

ALL = frozenset({"letters", "ambiguous_share", "constant", "minimum", "maximum", "mean", "deviation"})


def column(kind: Kind, values: list[Any]) -> pa.ChunkedArray:
    """With a row before and after that is sliced away: real batches are slices too."""
    type_ = table_schema(kind).field("sequence").type
    outside: Any = {"series": [[9.0, 9.0]], "tokens": ["zz"]}.get(kind, "zz ZZ")
    return pa.chunked_array([pa.array([outside, *values, outside], type_).slice(1, len(values))])


def measured(kind: Kind, values: list[Any], **patterns: str) -> dict[str, list[Any]]:
    profile = measure(column(kind, values), kind, ALL, patterns)
    return {name: [None if math.isnan(v) else v for v in found.tolist()] for name, found in profile.items()}


def test_words_are_counted_between_blanks_and_blank_texts_have_no_length() -> None:
    profile = measured("text", ["a b  c", "", None, " \t", " x", "y ", "\u3000", "é è"])
    assert profile["length"] == [3, None, None, None, 1, 1, None, 2]


def test_control_characters_are_counted_as_c0_and_c1_but_not_tab_and_line_ends() -> None:
    assert measured("text", ["a\x00b", "tab\there\r\n", "\x85\x9f", "\xa0é", "\x7f"])["controls"] == [1, 0, 2, 0, 1]
    assert measured("text", ["plain", "a\x1bb"])["controls"] == [0, 1]


def test_letters_of_any_script_and_digits_are_counted() -> None:
    assert measured("text", ["a1 é!", "中文", "--", None])["letters"] == [3, 2, 0, 0]


def test_foreign_letters_are_counted_with_the_first_ones_place() -> None:
    profile = measured("dna", ["ACGTUacgtun", "AC-E", "", None, "xé"])
    assert profile["length"] == [11, 4, None, None, 2]
    assert profile["foreign"] == [0, 2, 0, 0, 2]
    assert (profile["foreign_at"][1], chr(int(profile["foreign_byte"][1]))) == (3, "-")
    assert (profile["foreign_at"][4], chr(int(profile["foreign_byte"][4]))) == (1, "x")


def test_ambiguous_letters_are_a_share_of_the_length() -> None:
    assert measured("dna", ["NNAC", "ACGT", "", "RYSWKMBDHVN"])["ambiguous_share"] == [0.5, 0, None, 1]
    assert measured("protein", ["XBZJ", "ACDEFGHIKLMNPQRSTVWYUO", "AX"])["ambiguous_share"] == [1, 0, 0.5]


def test_stop_and_gap_are_no_letters_of_a_protein() -> None:
    assert measured("protein", ["MK*", "M-K", "MKV"])["foreign"] == [1, 1, 0]


def test_missing_tokens_are_counted() -> None:
    profile = measured("tokens", [["a", None], [], None, ["x"]])
    assert profile["length"] == [2, None, None, 1]
    assert profile["missing_tokens"] == [1, 0, 0, 0]


def test_series_are_measured_over_their_observed_values() -> None:
    profile = measured("series", [[[1, 2, 3], [1, 2, None]], [[4, 4], [2, 2]], [[None, None]], None, [], [[5]]])
    assert profile["length"] == [3, 2, None, None, None, 1]
    assert profile["channels"] == [2, 2, 1, 0, 0, 1]
    assert profile["missing_share"] == [pytest.approx(1 / 6), 0, 1, None, None, 0]
    assert profile["constant"] == [0, 1, 0, 0, 0, 0]
    assert profile["minimum"] == [1, 2, None, None, None, 5]
    assert profile["maximum"] == [3, 4, None, None, None, 5]
    assert profile["mean"] == [pytest.approx(9 / 5), 3, None, None, None, 5]
    assert profile["deviation"] == [pytest.approx(statistics.pstdev([1, 2, 3, 1, 2])), 1, None, None, None, 0]


def test_channels_of_different_length_and_infinite_values_are_seen() -> None:
    profile = measured("series", [[[1, 2], [1]], [[1, 2], [3, 4]], [[math.inf, 1]], [[1], []]])
    assert profile["uneven"] == [1, 0, 0, 1]
    assert profile["not_finite"] == [0, 0, 1, 0]


def test_patterns_are_searched_anywhere_in_the_sequence() -> None:
    assert measured("dna", ["ACGT", "TTT", None], motif="CG")["motif"] == [1, 0, 0]


def test_a_pattern_that_re2_cannot_compile_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"rules\.custom.*look-?around|not RE2"):
        check_pattern("(?=A)", "rules.custom (x)")


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.text("ab \t\x00\x85é\u3000", max_size=8), min_size=1, max_size=20))
def test_words_and_controls_agree_with_python(texts: list[str | None]) -> None:
    profile = measured("text", texts)
    for row, text in enumerate(texts):
        words = [word for word in _ascii_split(text or "") if word]
        blank = not (text or "").strip()
        assert profile["length"][row] == (None if blank else len(words))
        assert profile["controls"][row] == sum(c in "\x00\x85" for c in text or "")


def _ascii_split(text: str) -> list[str]:
    return text.replace("\t", " ").split(" ")


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.none() | st.floats(-100, 100, width=32), max_size=6), min_size=1, max_size=12))
def test_moments_agree_with_statistics(rows: list[list[float | None]]) -> None:
    profile = measured("series", [[row] for row in rows])
    for place, row in enumerate(rows):
        seen = [value for value in row if value is not None]
        if not seen:
            assert profile["mean"][place] is None
            continue
        assert profile["minimum"][place] == min(seen)
        assert profile["maximum"][place] == max(seen)
        assert np.isclose(profile["mean"][place], statistics.fmean(seen))
        assert np.isclose(profile["deviation"][place], statistics.pstdev(seen), atol=1e-6)
        assert profile["constant"][place] == (len(seen) > 1 and len(set(seen)) == 1)
