"""`seqcls check` on a small project: what it says of the training that would follow, and each finding once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from seqcls.cli import main
from seqcls.cli.preview import preview
from seqcls.cli.progress import TerminalListener
from seqcls.listener import Progress
from seqcls.messages import checks_table, checks_text
from seqcls.validation.checks import CheckReport, CheckResult
from seqcls.workspace import open_workspace
from tests.road_data import write_rows

CONFLICTS = [["twice-1", "same words", "yes"], ["twice-2", "same words", "no"]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_rows(tmp_path / "train.csv", 60, seed=0, labelled=True, extra=CONFLICTS)
    config = tmp_path / "pairs.toml"
    config.write_text(
        'name = "pairs"\nkind = "tokens"\n[source]\nformat = "csv"\nfiles = ["train.csv"]\nid = "id"\n'
        '[model]\nfamily = "gru"\n'
    )
    return config


@pytest.mark.slow
def test_check_tells_epochs_of_families_that_have_them_alone(project: Path) -> None:
    said = {}
    for family in ("gru", "ngrams"):
        project.write_text(project.read_text().replace('"gru"', f'"{family}"'))
        with open_workspace(project) as workspace:
            said[family] = preview(workspace, 3, "pairs.toml").splitlines()
    assert "  would train for at most 30 epochs, then check the gate" in said["gru"]
    assert "  would fit in one go, then check the gate" in said["ngrams"]
    assert not [line for line in said["ngrams"] if " epochs" in line]


@pytest.mark.slow
def test_check_says_what_a_rule_found_once(project: Path) -> None:
    with open_workspace(project) as workspace:
        lines = preview(workspace, 3, "pairs.toml").splitlines()
    assert [line for line in lines if "conflicting_label" in line] == [
        "  conflicting_label (warn): 2 rows, expected one class a sequence: train.csv:61, train.csv:62"
    ]


@pytest.mark.slow
def test_check_shows_missing_values_at_the_start(tmp_path: Path) -> None:
    rows = [f"{'up' if number % 2 else 'down'}\t?\t{number}\t{number * (-1) ** number}\n" for number in range(40)]
    (tmp_path / "train.tsv").write_text("".join(rows))
    config = tmp_path / "waves.toml"
    config.write_text(
        'name = "waves"\nkind = "series"\n[source]\nformat = "ucr"\nfiles = ["train.tsv"]\n'
        '[model]\nfamily = "cnn"\n[rules]\nmax_missing_share = 0.5\n'
    )
    with open_workspace(config) as workspace:
        lines = preview(workspace, 3, "waves.toml").splitlines()
    assert "  train.tsv:1  down  1 channel of 3 points: ? 0 0 ..." in lines


def test_warnings_that_are_no_rule_are_said_still() -> None:
    rule = CheckResult(
        rule="length", column="sequence", policy="warn", expected="1 to 9", found=2, share=0.5, success=True
    )
    warnings = ("length: 2 rows (50.00%), expected 1 to 9", "1 classes of the table have no accepted row")
    report = CheckReport(
        rows_in=4, accepted=4, rejected=0, rejected_by_source=0, checks=(rule,), classes={"a": 4}, warnings=warnings
    )
    assert checks_text(report)[1:] == [
        "length (warn): 2 rows, expected 1 to 9: ",
        "warning: 1 classes of the table have no accepted row",
    ]
    assert [line for line in checks_table(report).splitlines() if line.startswith("- ")] == [
        "- 1 classes of the table have no accepted row"
    ]


def test_a_terminal_shows_how_far_a_trial_is_and_reads_no_markup() -> None:
    out = io.StringIO()
    with TerminalListener(False, ("ingest", "validate")) as shown:
        shown.console = Console(file=out, force_terminal=True, highlight=False, width=120)
        shown.progress(Progress("train", 0.5, 3, "epoch 1/3, loss 0.5000", trial="gru, fold [1] of 5"))
    assert "train" in out.getvalue()
    assert "gru, fold [1] of 5: epoch 1/3, loss 0.5000" in out.getvalue()


def test_words_that_are_whole_sentences_get_a_hint_at_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    good, bad = "服务很好非常满意", "物流太慢不会再买"
    rows = [f"{(good, bad)[row % 2]}{chr(0x4E00 + row)}吧,{'ab'[row % 2]}" for row in range(60)]
    Path("a.csv").write_text("sequence,label\n" + "\n".join(rows) + "\n", "utf-8")
    config = 'name = "zh"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["a.csv"]\n[encode]\nunit = "%s"\n'
    config += '[model]\nfamily = "lstm"\n'
    for unit, said in (("words", True), ("characters", False)):
        Path("p.toml").write_text(config % unit)
        assert main(["check", "p.toml"]) == 0
        out = capsys.readouterr().out
        assert (
            '100% of the words of the validation rows were not in training: encode.unit = "characters"' in out
        ) == said
