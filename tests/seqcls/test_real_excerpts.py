"""Ten rows of real data sets, wherever the tests run: read value for value, without a reader of the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.seqcls.reading_files import read
from tests.seqcls.test_real_sources import SETS, lines_of

EXCERPTS = Path(__file__).parents[1] / "excerpts"
Rows = list[tuple[Any, str]]
"""(sequence, label)"""


def tab_separated(path: Path) -> Rows:
    return [(text, label) for label, text in (line.split("\t", 1) for line in lines_of(path))]


def blanks_and_tabs(path: Path) -> Rows:
    cells = [[cell.strip() for cell in line.split(",")] for line in lines_of(path)]
    return [(sequence, label) for label, _, sequence in cells]


def with_header(path: Path) -> Rows:
    return [(sequence, label) for sequence, label in (line.split(",") for line in lines_of(path)[1:])]


def ucr(path: Path) -> Rows:
    return [(np.array([line.split("\t")[1:]], np.float32), line.split("\t")[0]) for line in lines_of(path)]


def ts(path: Path) -> Rows:
    parts = [line.split(":") for line in path.read_text().partition("@data\n")[2].splitlines()]
    return [(np.array([channel.split(",") for channel in part[:-1]], np.float32), part[-1]) for part in parts]


PLAIN: dict[str, Callable[[Path], Rows]] = {
    "text_sms_spam": tab_separated, "dna_splice": blanks_and_tabs, "dna_promoters": blanks_and_tabs,
    "dna_gue_prom_core_all": with_header, "ts_ECG5000": ucr, "ts_JapaneseVowels": ts,
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_ten_rows_are_read_value_for_value(name: str) -> None:
    kind, options = SETS[name]
    found = read(EXCERPTS / name, kind, **options).rows
    expected = [row for path in sorted((EXCERPTS / name).iterdir()) for row in PLAIN[name](path)]
    assert len(found) == len(expected) == 10
    assert [label for _, label in found] == [label for _, label in expected]
    for (one, _), (other, _) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one if isinstance(other, str) else np.array(one, np.float32), other)


def test_stray_quotes_read_with_quoting_are_refused_not_swallowed() -> None:
    whole = SETS["text_sms_spam"][1]
    quoted = read(EXCERPTS / "text_sms_spam", **(whole | {"quoting": True}))
    assert quoted.rows_in == 10
    assert {rule for _, rule, _ in quoted.refused} == {"quote"}
    assert sum('"' in text for text, _ in read(EXCERPTS / "text_sms_spam", **whole).rows) == 3


def test_the_excerpts_are_those_with_a_licence() -> None:
    named = {line.split("`")[1] for line in lines_of(EXCERPTS / "README.md") if line.startswith("| `")}
    assert named == set(PLAIN) == {path.name for path in EXCERPTS.iterdir() if path.is_dir()}
