"""F52, F53: text that a spreadsheet would calculate, a terminal obey, or a log take for a line of its own."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqcls.cli import main
from seqcls.messages import checks_table
from seqcls.pages import escape
from seqcls.road import score_pipeline
from seqcls.scoring.export import write_current_scores
from seqcls.workspace import open_workspace
from tests.faults.travel import GOOD, refusal, travel

FORMULAS = ['=HYPERLINK("http://evil.example","x")', "@SUM(1+1)", "+cmd|' /C calc'!A0", "-2+3+cmd|'x'!A0", "\t=1+1"]
MORE_FORMULAS = ["+1-2", "-1-2", "+49-30-1234", "\n=1+1", "\r=1", "\t=", " =1+1", "\xa0@A1", "\u200b=1", "\ufeff=1",
                 "＝1+1", "＋1+1", "－1+1", "＠A1", "+1e5-3", "-1..2", "-x"]  # fmt: skip
ALL = FORMULAS + MORE_FORMULAS
PLAIN = ["+", "-1", "+1.5e3", "-.5", "-5.", "2026-01-01", "a=b", "x-1", "1-2", "é＝1"]
RED = "\x1b[31m"


@pytest.mark.fault("F52", tried="formulas as ids of scored rows", outcome="quoted in CSV, exact in Parquet")
@pytest.mark.fault("N26", tried="+1-2, a line end and =, full-width signs, as ids", outcome="quoted; numbers are not")
def test_a_formula_is_text_in_every_export(trained: Path, copy: Callable[[Path], Path], tmp_path: Path) -> None:
    config = copy(trained)
    with open(config.parent / "incoming" / "formulas.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "sequence"])
        writer.writerows([[name, "w1 first w2 second w3"] for name in ALL + PLAIN])
    with open_workspace(config) as workspace:
        score_pipeline(workspace)
        write_current_scores(workspace, tmp_path / "all.csv")
        write_current_scores(workspace, tmp_path / "all.parquet")
    exact = set(pq.read_table(tmp_path / "all.parquet")["id"].to_pylist())
    assert exact >= {*ALL, *PLAIN}
    with open(tmp_path / "all.csv", newline="") as file:
        shown = {row["id"] for row in csv.DictReader(file)}
    assert shown >= {*(f"'{formula}" for formula in ALL), *PLAIN}
    assert not shown & set(ALL)


@pytest.mark.fault("F52", tried="formulas as texts and classes on the way in", outcome="accepted, letter for letter")
def test_a_formula_is_not_changed_on_the_way_in(tmp_path: Path) -> None:
    data = "sequence\tlabel\n" + "".join(f"{text}\t{text}\n" for text in FORMULAS[:4])
    assert travel(tmp_path, data.encode(), format="tsv").rows == [(text, text) for text in FORMULAS[:4]]


@pytest.mark.fault("F53", tried="escape codes, line ends and markup in texts", outcome="kept; in no report or log")
def test_values_stand_in_no_report_and_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = f"secret {RED}[red]ERROR[/red]"
    data = GOOD + f'"{secret}",a\n"line one\nINFO all is well",b\n'.encode() + f'"{secret} 2",\n'.encode()
    arrived = travel(tmp_path, data)
    assert arrived.sequences[4:] == [secret, "line one\nINFO all is well"]
    (check,) = [check for check in arrived.report.checks if check.rule == "control_characters"]
    assert (check.found, check.examples) == (2, ("data.csv:5", "data.csv:7"))
    written = (arrived.checked.folder / "checks.json").read_text() + (
        arrived.checked.folder / "manifest.json"
    ).read_text()
    for text in (written, checks_table(arrived.report), caplog.text):
        assert "secret" not in text
        assert "all is well" not in text


@pytest.mark.fault("F53", tried="escape codes and a line end in file name and header", outcome="shown as escapes")
@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        (f"a{RED}\nERROR.csv", b"sequence,lable\none,a\ntwo,b\n", r"a\x1b[31m\nERROR.csv: no column"),
        ("data.csv", f"seq{RED},label\none,a\n".encode(), r"'seq\x1b[31m', 'label'"),
        ("data.csv", f"sequence,{RED},{RED}\none,a,b\n".encode(), r"'sequence', '\x1b[31m', '\x1b[31m'"),
    ],
)
def test_a_message_shows_what_a_terminal_would_obey(name: str, data: bytes, shown: str, tmp_path: Path) -> None:
    text = str(refusal(tmp_path, data, name=name))
    assert shown in text
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e]", text)


@pytest.mark.fault("F53", tried="escape codes in classes, shown by `seqcls check`", outcome="escapes are shown")
def test_the_command_shows_escapes_and_obeys_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"word{n} other,{RED}[red]{'ab'[n % 2]}\n" for n in range(40))
    (tmp_path / "data.csv").write_text("sequence,label\n" + rows)
    (tmp_path / "p.toml").write_text(
        'name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["data.csv"]\n[model]\nfamily = "cnn"\n'
    )
    assert main(["check", str(tmp_path / "p.toml")]) == 0
    said = capsys.readouterr()
    assert "\\x1b[31m[red]a" in said.out
    assert "\x1b" not in said.out + said.err


@pytest.mark.fault("F53", tried="the same in a table of the user interface", outcome="neither markup nor control")
def test_a_table_of_the_interface_shows_text_as_text() -> None:
    assert escape(f"{RED}<b>|[x](http://evil)`\n") == "\\\\x1b\\[31m\\<b\\>\\|\\[x\\](http\\://evil)\\`\\\\n"
