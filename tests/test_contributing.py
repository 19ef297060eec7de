"""CONTRIBUTING's recipes, followed step by step in a copy of the tree: what they add works as it stands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipes import ROOT, recipe

FORMAT = """
from pathlib import Path
from tests.seqcls.reading_files import read_bytes
result = read_bytes(Path(), b"good|a | b\\nno bar\\nbad|\\n", format="barred")
assert result.rows == [("a | b", "good"), ("", "bad")], result.rows
assert result.refused == [(2, "label", "no bar on the line; expected CLASS|text")], result.refused
"""
RULE = """
from pathlib import Path
from seqcls.store.artefacts import ArtefactStore
from seqcls.store.parquet import read_parquet
from seqcls.validation.validate import read_checks, validate
from tests.seqcls.table_examples import make_pipeline, make_rows, write_table
store = ArtefactStore(Path("made"))
rows = make_rows("series", [[[1.0, 2.0]], [[3.0, 3.0]], [[4.0, 5.0]], [[6.0, 9.0]]])
pipeline = make_pipeline("series", rules={"min_class_rows": 1, "quiet": "reject", "constant": "off"})
checked = validate(write_table(store, "series", rows), pipeline, store, labelled=True, budget=1.0)
assert {check.rule: check.found for check in read_checks(checked).checks}["quiet"] == 1
(row,) = read_parquet(checked.folder / "rejects.parquet").to_pylist()
assert row["reasons"] == ["deviation is 0, expected 0.001 or more"], row
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code and its tests."""
    for name in ("seqcls", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(tree: Path, *arguments: str) -> str:
    """A Python command in the copy; its output."""
    done = subprocess.run([sys.executable, *arguments], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def follow(heading: str, tree: Path) -> None:
    steps = recipe(heading)
    for step in steps:
        step.follow(tree)
    files = sorted({step.path for step in steps})
    run(tree, "-m", "ruff", "check", "--quiet", "--no-cache", *files)
    run(tree, "-m", "ruff", "format", "--check", "--quiet", "--no-cache", *files)


@pytest.mark.slow
def test_a_family_is_one_file_and_one_line_and_joins_the_tests_of_every_family(tree: Path) -> None:
    assert len(recipe("A model family")) == 2
    follow("A model family", tree)
    said = run(tree, "-m", "pytest", "-p", "no:cacheprovider", "-vv", "tests/seqcls/test_models.py", "-k", "rcnn")
    for pooling in ("last", "mean", "max", "attention"):
        assert f"test_logits_depend_neither_on_padding_nor_on_neighbours[rcnn-{pooling}] PASSED" in said
    assert "test_every_family_memorises_32_rows_and_starts_at_chance[rcnn-" in said


@pytest.mark.slow
@pytest.mark.parametrize(("heading", "use"), [("A source format", FORMAT), ("A rule", RULE)])
def test_a_format_and_a_rule_are_read_counted_and_refused(heading: str, use: str, tree: Path) -> None:
    follow(heading, tree)
    run(tree, "-c", use)
