"""N15: whatever an id, a class or a file is called, the commands show it, obey none of it and forge no line."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.cli import main
from seqcls.errors import one_line
from tests.conftest import ROOT

RED = "\x1b[31m"
ID = f"{RED}[red]row\nscored at forged\u202e"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
FILES = {"[red]night[.csv": "plain", f"{RED}day\n.csv": ID, "x[/b].csv": "other"}


@pytest.fixture
def hostile(trained: Path, copy: Callable[[Path], Path]) -> Path:
    """A project whose new files and one id are called what a terminal or rich would obey."""
    config = copy(trained)
    config.write_text(config.read_text().replace('files = ["incoming/*.csv"]', 'files = ["incoming/**/*.csv"]'))
    (config.parent / "incoming" / "night.csv").unlink()
    for number, (name, row_id) in enumerate(FILES.items()):
        path = config.parent / "incoming" / name
        path.parent.mkdir(exist_ok=True)
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([["id", "sequence"], [row_id, f"w{number} first w2 second"]])
    return config


def said(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main([str(argument) for argument in arguments]) == status
    output = capsys.readouterr()
    assert not OBEYED.search(output.out + output.err), output
    return output.out


@pytest.mark.fault("N15", tried="escape codes and markup as file names and ids", outcome="each command shows escapes")
def test_names_are_shown_and_neither_obeyed_nor_read_as_markup(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = [one_line(name) for name in FILES]
    plan = said(capsys, "score", hostile, "--dry-run")
    assert all(name in plan for name in shown)
    named = json.loads(said(capsys, "score", hostile, "--dry-run", "--json"))["files"]
    assert {file["name"].removeprefix("incoming/") for file in named} == set(FILES)
    said(capsys, "score", hostile)
    table = said(capsys, "scores", hostile)
    assert all(name in table for name in shown)
    lineage = said(capsys, "lineage", hostile, ID)
    assert f"id               {one_line(ID)}\n" in lineage
    assert len(re.findall("^scored at ", lineage, re.MULTILINE)) == 1, "an id forged a line"
    assert json.loads(said(capsys, "lineage", hostile, ID, "--json"))[0]["id"] == ID


@pytest.mark.fault("N15", tried="the same in classes: check, train, models, predict", outcome="shown as escapes")
def test_classes_are_shown_and_not_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[f"w{n} word", f"{RED}[red]{'ab'[n % 2]}\n9.999  forged"] for n in range(60)]
    with open(tmp_path / "data.csv", "w", newline="") as file:
        csv.writer(file).writerows([["sequence", "label"], *rows])
    config = tmp_path / "p.toml"
    config.write_text('name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["data.csv"]\n'
                      '[model]\nfamily = "ngrams"\n[promote]\nautomatic = false\n')  # fmt: skip
    assert "\\x1b[31m[red]a\\n9.999  forged" in said(capsys, "check", config)
    said(capsys, "train", config)
    said(capsys, "promote", config, "--force", "--why", f"{RED}[/red]")
    assert f"{one_line(RED)}[/red]" in said(capsys, "models", config)
    answer = said(capsys, "predict", config, "w1 word")
    assert answer.count("\n") == 3
    assert "\\x1b[31m[red]a\\n9.999  forged" in answer


@pytest.mark.fault("N15", tried="escape codes in arguments that are refused", outcome="shown as escapes")
def test_a_refused_argument_is_not_obeyed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["score", "p.toml", "--since", "2026-01-01", RED])
    refused = capsys.readouterr().err
    assert one_line(RED) in refused
    assert not OBEYED.search(refused)
    said(capsys, "check", tmp_path / f"{RED}.toml", status=2)


@pytest.mark.fault("N15", tried="a terminal that knows ASCII only, a name that is not UTF-8", outcome="shown escaped")
def test_the_installed_command_shows_names_that_the_terminal_has_no_letters_for(hostile: Path) -> None:
    (hostile.parent / "incoming" / "é.csv").write_text("id,sequence\né,w1 first\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("seqcls"), "score", hostile, "--dry-run"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\xe9.csv" in done.stdout
    assert b"\x1b" not in done.stdout


def test_no_command_prints_past_the_one_place_that_escapes() -> None:
    """Text goes through cli/show.py; what else is printed is JSON, or an error, which escapes itself."""
    calls = [
        (path.name, ast.unparse(node))
        for path in sorted((ROOT / "seqcls" / "cli").glob("*.py"))
        if path.name != "show.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "console.print", "Console().print")
    ]
    assert len(calls) > 5, "the search itself is broken"
    allowed = (
        "print(json.dumps(",
        "print(schema_text(),",
        "file=sys.stderr",
        "self.console.print(line, soft_wrap=True)",
        "console.print(Text(",
    )
    assert [call for call in calls if not any(part in call[1] for part in allowed)] == []
