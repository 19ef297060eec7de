"""The first hour of a new user: each mistake a tired person makes gets a message that says what to do."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy.exc import OperationalError

from seqcls.cli import main
from seqcls.cli.progress import TerminalListener
from seqcls.cli.show import show
from seqcls.cli.train_and_score import _show_answer
from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused, DataRefused, WorldFailed
from seqcls.evaluation.report import card_with_figures, write_report
from seqcls.ledger.database import open_database
from seqcls.messages import _beside_the_baseline
from seqcls.sources.paths import find_paths
from seqcls.store.artefacts import Ref
from seqcls.validation.checks import USUAL_CAUSES, _advice
from tests.road_data import write_project
from tests.seqcls.report_examples import example_evaluation, example_facts


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seqcls", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def process_state() -> Iterator[None]:
    """`main` sets these for its own process."""
    mask, handler = os.umask(0o077), signal.getsignal(signal.SIGTERM)
    yield
    os.umask(mask)
    signal.signal(signal.SIGTERM, handler)


def refusal_of(path: Path) -> str:
    with pytest.raises(ConfigRefused) as refused:
        load_pipeline(path)
    return str(refused.value)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("beat_baseline = yes", "yes and no are written true and false"),
        ('name = "tickets', "a quote is missing"),
        ("family = lstm", "text needs quotes"),
        ("id,created,message,team", "is this a data file?"),
        ("epochs = = 3", ""),
    ],
)
def test_a_line_that_is_no_toml_is_shown_with_its_usual_cause(tmp_path: Path, line: str, hint: str) -> None:
    config = tmp_path / "my.toml"
    config.write_text(f'kind = "text"\n{line}\n')
    message = refusal_of(config)
    assert f"\n  2 | {line}\nNext: " in message
    assert hint in message


def test_the_next_step_of_many_faults_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    config.write_text(config.read_text().replace("epochs", "epoch"))
    assert refusal_of(config).splitlines()[-1].startswith("Next: fix the lines above")


def test_a_name_with_blanks_is_refused_in_words_and_not_with_a_pattern(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    config.write_text(config.read_text().replace('"pairs"', '"My Tickets"'))
    message = refusal_of(config)
    assert "name: 'My Tickets' does not fit; Lower-case letters, digits and hyphens" in message
    assert "[a-z]" not in message


def test_a_folder_instead_of_a_pipeline_file_names_the_files_in_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert "name one of its files: pairs.toml" in refusal_of(tmp_path)
    assert "seqcls init --kind text" in refusal_of(tmp_path / "data")


def test_a_pipeline_file_in_another_folder_is_told_from_a_misspelt_one(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert "did you mean pairs.toml?" in refusal_of(tmp_path / "pair.toml")
    assert "there is no folder" in refusal_of(tmp_path / "nowhere" / "pairs.toml")


def test_a_folder_without_files_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    with pytest.raises(DataRefused, match="the folder holds no files"):
        find_paths(tmp_path, ["incoming"])


def test_a_missing_folder_is_named_as_the_fault(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"no file matches 'data/\*.csv' \(there is no folder data/\)"):
        find_paths(tmp_path, ["data/*.csv"])


@pytest.mark.parametrize("pattern", ["data", "data/*.csv"])
@pytest.mark.parametrize("allow_none", [True, False])
def test_a_folder_that_may_not_be_looked_into_is_neither_empty_nor_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, allow_none: bool
) -> None:
    (tmp_path / "data").mkdir()

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "scandir", refuse)  # the tests may run as root, whom no permission stops
    with pytest.raises(WorldFailed, match=r"cannot read the folder .*data \(Permission denied.*fix its permis"):
        find_paths(tmp_path, [pattern], allow_none=allow_none)


def test_most_rows_broken_by_one_rule_points_to_its_setting() -> None:
    assert "cp1252" in _advice(Counter(encoding=331, empty=2), 600, "rules.reject_budget", {})
    assert "source.label" in _advice(Counter(missing_label=302), 600, "rules.reject_budget", {})
    plain = "fix these rows in the source, or raise score.reject_budget"
    assert _advice(Counter(encoding=3, empty=3), 6, "score.reject_budget", {}) == plain
    assert _advice(Counter(no_such_rule=3), 3, "score.reject_budget", {}) == plain
    assert _advice(Counter(empty=50), 300, "score.reject_budget", {}) == plain, "a sixth is not mostly"


@pytest.mark.slow
def test_the_wrong_label_column_of_a_whole_file_is_named_by_check(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    rows = (tmp_path / "data" / "train.csv").read_text().splitlines()
    blank = [rows[0], *(line.rpartition(",")[0] + "," for line in rows[1:])]
    (tmp_path / "data" / "train.csv").write_text("\n".join(blank))
    done = run("check", config.name, cwd=tmp_path)
    assert done.returncode == 3
    assert USUAL_CAUSES["missing_label"] in done.stderr


def test_a_full_disk_under_the_ledger_says_so(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    for words in ("database or disk is full", "disk I/O error"):
        error = database._translate(OperationalError("", {}, sqlite3.OperationalError(words)))
        assert "Next: free space on that disk" in str(error)
    busy = database._translate(OperationalError("", {}, sqlite3.OperationalError("database is locked")))
    assert "Next: run the same command again" in str(busy)
    database.close()


def test_a_store_without_a_version_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_project(tmp_path)
    assert main(["models", str(config)]) == 0
    assert capsys.readouterr().out == f"pairs: no versions yet. Next: `seqcls train {config}`\n"
    assert main(["promote", str(config)]) == 2
    assert (
        f"there is no version yet; expected a trained model. Next: `seqcls train {config}`" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(["trian", "my.toml"], "did you mean 'train'?"), (["init", "--kind", "txet", "my.toml"], "did you mean 'text'?")],
)
def test_a_misspelt_word_of_the_command_line_gets_the_nearest_one(
    capsys: pytest.CaptureFixture[str], arguments: list[str], near: str
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    told = capsys.readouterr().err
    assert near in told
    assert "--help`" in told


def test_no_command_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "Next: `seqcls --help`" in capsys.readouterr().err


def test_a_negative_number_of_rows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "my.toml", "--rows", "-3"])
    assert "whole number, 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(-0.5, -0.4, "does worse than"), (-0.1, 0.1, "is not shown to do better than"), (0.1, 0.2, "")],
)
def test_a_network_that_earns_nothing_over_the_linear_baseline_is_told(low: float, high: float, words: str) -> None:
    notes = _beside_the_baseline({"low": low, "high": high, "estimate": (low + high) / 2})
    assert bool(notes) == bool(words)
    assert words in "".join(notes)
    assert _beside_the_baseline(None) == []


def test_flags_of_a_prediction_are_sentences() -> None:
    answer = {"label": "a", "confidence": 1.0, "model": "m@v1", "probabilities": {"a": 1.0}, "flags": ["many_unknown"]}
    assert "trust it less" in _show_answer(answer)


def test_a_prediction_without_a_label_says_what_one_takes() -> None:
    answer = {"label": None, "confidence": 0.55, "least_confidence": 0.8, "model": "m@v1", "flags": ["abstained"],
              "probabilities": {"a": 0.55, "b": 0.45}}  # fmt: skip
    shown = _show_answer(answer).splitlines()
    assert shown[0] == "no label: that needs a confidence of 0.8  (0.550, m@v1)"
    assert shown[-1] == "  note: abstained: the confidence is below score.abstain_below or score.abstain_precision"


@pytest.mark.slow
def test_check_shows_series_as_channels_and_points_and_splits_in_order(tmp_path: Path) -> None:
    lines = ["machine,second,sensor,reading,state"]
    lines += [
        f"M{number:02d},{second},{sensor},{number + second / 10},{'ok' if number % 2 else 'worn'}"
        for number in range(40)
        for second in range(6 + number % 3)
        for sensor in ("heat", "shake")
    ]
    (tmp_path / "readings.csv").write_text("\n".join(lines))
    config = tmp_path / "machines.toml"
    config.write_text("""
name = "machines"
kind = "series"
[source]
format = "long"
files = ["readings.csv"]
id = "machine"
position = "second"
channel = "sensor"
value = "reading"
label = "state"
[model]
family = "cnn"
""")
    done = run("check", config.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "machines: series, 1 file, 40 rows" in done.stdout
    assert "M00  worn  2 channels of 6 points: 0 0.1 0.2 0.3 0.4 ...; 0 0.1" in done.stdout
    assert "unknown share" not in done.stdout
    assert done.stdout.index("  train ") < done.stdout.index("  valid ") < done.stdout.index("  test ")
    assert done.stdout.endswith("Next: `seqcls train machines.toml`\n")


def test_colours_come_in_a_terminal_only_and_no_line_is_broken() -> None:
    path = "report:  /" + "x" * 300
    text = f"files:\n{path}\nnote: this\nNext: `seqcls train`"
    for terminal in (True, False):
        out = io.StringIO()
        show(text, Console(file=out, force_terminal=terminal, highlight=False, width=80))
        assert ("\x1b[" in out.getvalue()) == terminal
        assert path in out.getvalue().splitlines()


def test_a_terminal_sees_the_stage_that_runs_and_a_pipe_does_not() -> None:
    for terminal in (True, False):
        out = io.StringIO()
        with TerminalListener(False, ("ingest", "validate")) as teller:
            teller.console = Console(file=out, force_terminal=terminal, highlight=False)
            teller.stage("ingest", "0.1 s")
        assert "ingest     0.1 s" in out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert ("validate" in out.getvalue()) == terminal


@pytest.mark.slow
def test_the_card_for_the_ui_begins_with_headline_confusion_matrix_and_learning_curves(tmp_path: Path) -> None:
    names = ["a", "b"]
    write_report(tmp_path, example_evaluation(names), example_facts(names))
    card = card_with_figures(Ref(kind="evaluation", digest="0", path=str(tmp_path)))
    order = ["# Model card", "\n\n![Confusion matrix]", "\n\n![Loss]", "\n\n![Validation figures]",
             "\n## Intended use\n", "\n## Figures\n\n| ", "\n## Limits", "\n\n![Calibration]"]  # fmt: skip
    places = [card.index(part) for part in order]
    assert places == sorted(places)
