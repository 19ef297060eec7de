"""Each number of the fault catalogue is held by a test of its own, and docs/evidence/faults.md says which."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks.faults import NUMBERS, PAGE, Case, merge, page, read_mark
from tests.conftest import ROOT


def held() -> set[str]:
    return set(re.findall(r"^\| ([FANOM]\d\d) \|", PAGE.read_text(), re.MULTILINE))


def test_the_page_of_faults_says_what_the_tests_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_number_is_held_by_a_test() -> None:
    assert set(NUMBERS) - held() == set(), "no test holds these"


def test_a_page_is_one_row_a_fault_and_test() -> None:
    cases = [
        Case("A01", "a pickle", "refused", "tests/a.py::test_one"),
        Case("F02", "a header", "refused", "tests/a.py::test_two[x|y]"),
        Case("F01", "nothing", "refused", "tests/a.py::test_three[a]"),
        Case("F01", "nothing", "refused", "tests/a.py::test_three[b]"),
    ]
    lines = [line for line in page(merge(cases)).splitlines() if line.startswith(("| F0", "| A0"))]
    assert lines == [
        "| F01 | nothing | refused | `tests/a.py::test_three` |",
        "| F02 | a header | refused | `tests/a.py::test_two[x\\|y]` |",
        "| A01 | a pickle | refused | `tests/a.py::test_one` |",
    ]


@pytest.mark.parametrize(
    ("number", "texts"),
    [
        ("F75", {"tried": "a", "outcome": "b"}),
        ("F1", {"tried": "a", "outcome": "b"}),
        ("F01", {"tried": "a"}),
        ("F01", {"tried": "a", "outcome": ""}),
    ],
)
def test_a_mark_that_names_no_fault_or_leaves_something_out_is_refused(number: str, texts: dict[str, str]) -> None:
    with pytest.raises(pytest.UsageError, match="expected one number of F01-F74, A01-A12"):
        read_mark(pytest.mark.fault(number, **texts).mark, "tests/a.py::test_one")
