"""The fault catalogue: for each number the test that produces the fault, what it tries, and what must happen.

In: the marks `@pytest.mark.fault("F07", tried="...", outcome="...")` of the tests, collected by pytest itself. Out:
docs/evidence/faults.md. A fault is a number of the catalogue and is held by at least one test of its own.

`python -m benchmarks.faults` writes the page; `--check` compares it instead and exits with 1 when it is out of date;
`--run` also runs the tests that hold faults and writes how many passed to docs/evidence/reliability.json.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from benchmarks.record import ROOT, record

PAGE = ROOT / "docs" / "evidence" / "faults.md"
SECTIONS: dict[str, list[str]] = {
    "Bad inputs": [f"F{number:02}" for number in range(1, 54)],
    "The machine and what runs on it": [f"F{number:02}" for number in range(54, 70)],
    "Several at once": [f"F{number:02}" for number in range(70, 75)],
    "Attacks": [f"A{number:02}" for number in range(1, 13)],
    "Found by an evening of attacks": [f"N{number:02}" for number in range(1, 29)],
    "Found in an evening of operation": [f"O{number:02}" for number in range(1, 18)],
    "Processors and busy machines": [f"M{number:02}" for number in range(1, 4)],
}
NUMBERS = [number for numbers in SECTIONS.values() for number in numbers]
TOP = """# Every fault that is tried

Each fault has a number and at least one test of its own, which makes the fault as a real file, process or message,
checks what happens, and reads the message. Written by `python -m benchmarks.faults` from the marks of the tests; a test
of the catalogue fails when this page is out of date or a number has no test. `python -m benchmarks.faults --run` runs
them all. How often random damage is tried beside these is in [reliability.md](reliability.md).
"""


@dataclass(frozen=True, order=True)
class Case:
    """One fault as one test tries it."""

    number: str
    tried: str
    outcome: str
    test: str


@dataclass
class Collector:
    """A pytest plugin that keeps the marks of what is collected, and how the tests ended."""

    found: list[Case] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for mark in item.iter_markers("fault"):
                self.found.append(read_mark(mark, item.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self.ended[report.outcome] += 1


def read_mark(mark: pytest.Mark, test: str) -> Case:
    """A mark that names no fault of the catalogue, or leaves out what is tried, is a mistake in the test."""
    unknown = [number for number in mark.args if number not in NUMBERS]
    texts = [mark.kwargs.get("tried"), mark.kwargs.get("outcome")]
    if len(mark.args) != 1 or unknown or set(mark.kwargs) != {"tried", "outcome"} or not all(texts):
        raise pytest.UsageError(
            f"{test}: fault{mark.args} {mark.kwargs}; expected one number of F01-F74, A01-A12, N01-N28, "
            "O01-O17, M01-M03, tried=... and outcome=..."
        )
    return Case(mark.args[0], mark.kwargs["tried"], mark.kwargs["outcome"], test)


def run_pytest(*arguments: str) -> Collector:
    """Let pytest collect (or run) what is marked, only in files that speak of faults: the others take long to load."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.fault(" in path.read_text()]
    collector = Collector()
    said = io.StringIO()
    with contextlib.redirect_stdout(said if arguments else sys.stdout):
        code = pytest.main([*files, "-m", "fault", "-p", "no:cacheprovider", *arguments], plugins=[collector])
    if arguments and code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(said.getvalue())
    return collector


def merge(found: Iterable[Case]) -> list[Case]:
    """One case for all parameters of a test that carry the same mark."""
    together: dict[Case, list[str]] = {}
    for case in found:
        function = Case(case.number, case.tried, case.outcome, case.test.partition("[")[0])
        together.setdefault(function, []).append(case.test)
    cases = [
        case if len(tests) > 1 else Case(case.number, case.tried, case.outcome, tests[0])
        for case, tests in together.items()
    ]
    return sorted(cases, key=lambda case: (NUMBERS.index(case.number), case))


def page(cases: list[Case]) -> str:
    """Markdown: a table for each part of the catalogue, one row a case."""
    parts = [TOP]
    for title, numbers in SECTIONS.items():
        rows = [case for case in cases if case.number in numbers]
        parts.append(f"## {title}\n\n| fault | what is tried | what happens | test |\n|---|---|---|---|")
        parts[-1] += "".join(
            f"\n| {case.number} | {_cell(case.tried)} | {_cell(case.outcome)} | `{_cell(case.test)}` |" for case in rows
        )
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the page instead of writing it")
    parser.add_argument("--run", action="store_true", help="run the tests that hold faults, too")
    options = parser.parse_args()
    collector = run_pytest() if options.run else run_pytest("--collect-only", "-qq")
    text = page(merge(collector.found))
    if options.check:
        is_current = PAGE.is_file() and PAGE.read_text() == text
        print("faults.md is " + ("current" if is_current else "out of date: run `python -m benchmarks.faults`"))
        return 0 if is_current else 1
    PAGE.write_text(text)
    held = {case.number for case in collector.found}
    print(f"{len(held)} of {len(NUMBERS)} faults are held by {len(collector.found)} tests")
    if not options.run:
        return 0
    record(
        "fault catalogue",
        {
            "tried": f"{len(held)} faults of the catalogue, each produced by tests of its own ([list](faults.md))",
            "times": sum(collector.ended.values()),
            "wrong": {"tests that failed": collector.ended["failed"]},
            "skipped": collector.ended["skipped"],
            "seed": "none",
        },
    )
    return 1 if collector.ended["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
