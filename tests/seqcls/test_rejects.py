"""`seqcls rejects` and `check`: why rows were set aside, with the value that stands there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqcls.cli import main

CONFIG = (
    'name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["*.csv"]\nsequence = "text"\nlabel = "team"\n'
    '[rules]\nreject_budget = BUDGET\n[model]\nfamily = "ngrams"\n'
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rows = "".join(f"my message number {n} of the day,{'ab'[n % 2]}\n" for n in range(40))
    (tmp_path / "good.csv").write_text(f"text,team\n{rows}", "utf-8")
    (tmp_path / "odd.csv").write_text("text,team\nshort row\nfull of words,a\n,b\n", "utf-8")
    (tmp_path / "p.toml").write_text(CONFIG.replace("BUDGET", "0.5"), "utf-8")
    return tmp_path / "p.toml"


@pytest.mark.slow
def test_each_rejected_row_is_listed_with_its_value(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rejects", str(config)]) == 0
    said = capsys.readouterr().out
    assert "odd.csv:1: expected 2 fields, got 1; the row: short row" in said
    assert "odd.csv:3: " in said
    assert said.endswith("2 rejected rows\n")
    assert main(["rejects", str(config), "good.csv"]) == 0
    assert capsys.readouterr().out == "no row of good.csv was rejected\n"


@pytest.mark.slow
def test_rows_over_the_budget_are_listed_and_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(CONFIG.replace("BUDGET", "0.01"), "utf-8")
    written = config.parent / "rejects.json"
    assert main(["rejects", str(config), "odd.csv", "--write", str(written)]) == 0
    assert "2 rejected rows of odd.csv" in capsys.readouterr().out
    assert [json.loads(line)["source_row"] for line in written.read_text("utf-8").splitlines()] == [1, 3]


@pytest.mark.slow
def test_check_shows_the_reasons_of_unreadable_rows(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config)]) == 0
    said = capsys.readouterr().out
    assert "fields: 1 rejected\n    odd.csv:1: expected 2 fields, got 1; the row: short row\n" in said
