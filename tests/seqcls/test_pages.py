"""Templates show values and obey none of them, in HTML and in Markdown."""

from __future__ import annotations

import re
import tomllib

import pytest
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from seqcls.errors import DataRefused
from seqcls.messages import failure_page
from seqcls.pages import TEMPLATES, escape, render
from tests.conftest import ROOT

HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "[x](javascript:alert(1))",
    "# no heading",
    "**bold**",
    "{{ 7 * 7 }}",
    "two\nlines",
]


def shown(markdown: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(markdown)


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_table_keeps_its_columns_and_shows_each_cell_as_it_is(cell: str) -> None:
    page = shown(render("table.md", head=["one", "two"], rows=[[cell, "end"]], left=0))
    assert set(re.findall(r"<(\w+)", page)) == {"table", "thead", "tbody", "tr", "th", "td"}
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert cells == [cell.replace("\n", "\\n").replace("<", "&lt;").replace(">", "&gt;"), "end"]


def test_rows_that_are_left_out_are_counted() -> None:
    assert "and 3 more" in render("table.md", head=["one"], rows=[["a"]], left=3)
    assert "more" not in render("table.md", head=["one"], rows=[["a"]], left=0)


def test_a_value_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="rows"):
        render("table.md", head=["one"], left=0)


def test_a_failure_shows_what_was_found_and_what_to_do() -> None:
    error = DataRefused("no <b>rows</b>\nsecond line", where="a_b.csv", expected="rows", next_step="add rows")
    page = failure_page(error)
    assert page.splitlines()[0] == f"# no {escape('<b>rows</b>')}"
    assert "<li>second line</li>" in shown(page)
    assert "<strong>next</strong>: add rows" in shown(page)


def test_no_template_turns_escaping_off_for_values_from_outside() -> None:
    """`safe` is for our own constants, for keys that we name, and for TOML inside a block of code."""
    used = {found for path in TEMPLATES.iterdir() for found in re.findall(r"\{\{([^}]*\| *safe)", path.read_text())}
    assert {one.strip() for one in used} == {"key | safe", "line | safe"}
    card = (TEMPLATES / "model_card.md").read_text()
    assert card.count("| safe") == 3
    assert "    {{ line | safe }}\n" in card


def test_the_templates_are_packed_into_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert settings["package-data"]["seqcls.pages"] == [f"{TEMPLATES.name}/*"]
    assert all(path.suffix in {".md", ".html", ".css"} for path in TEMPLATES.iterdir())
