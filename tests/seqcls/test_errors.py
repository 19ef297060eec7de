"""Every refusal says where it stands and what to do next; what it tells people to run exists."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqcls.cli import build_parser
from seqcls.errors import DataRefused

ROOT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.glob("seqcls/**/*.py"))
REFUSALS = ("ConfigRefused", "DataRefused", "BudgetExceeded", "GateRefused", "WorldFailed", "Corrupted")
COMMAND = re.compile(r"`(?:\.venv/bin/)?seqcls ([a-z]+)([^`]*)`")


def refusals() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                yield path.relative_to(ROOT / "seqcls").as_posix(), node


def commands() -> dict[str, set[str]]:
    """Command -> the options it knows."""
    parser = build_parser()
    found = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: set(one._option_string_actions) for name, one in found.choices.items()}


def test_a_message_tells_found_where_expected_and_next_step_in_this_order() -> None:
    error = DataRefused("3 channels", where="a.csv:7:x", expected="2", next_step="fix the row")
    assert str(error) == "a.csv:7:x: 3 channels; expected 2. Next: fix the row"


@pytest.mark.slow
def test_every_refusal_in_the_code_names_its_place_and_the_next_step() -> None:
    seen = list(refusals())
    assert len(seen) > 60, "the search itself is broken"
    lacking = {
        (file, part)
        for file, call in seen
        for part in ("where", "next_step")
        if part not in {keyword.arg for keyword in call.keywords}
    }
    assert lacking == set()


@pytest.mark.slow
@pytest.mark.parametrize("path", [*SOURCES, *sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=str)
def test_commands_that_messages_and_documents_name_exist_with_their_options(path: Path) -> None:
    known = commands()
    for name, rest in COMMAND.findall(path.read_text(encoding="utf-8")):
        assert name in known, f"`seqcls {name}` in {path.name}"
        assert set(re.findall(r"--[a-z-]+", rest)) <= known[name], f"`seqcls {name}{rest}` in {path.name}"
