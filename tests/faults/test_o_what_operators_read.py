"""O04 to O15, N27: what people read is right, and what it tells them to do works."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqcls.cli import main
from seqcls.config.loading import parse_pipeline
from seqcls.config.templates import template
from seqcls.errors import BudgetExceeded, ConfigRefused
from seqcls.evaluation.report.page import write_page
from seqcls.listener import SILENT
from seqcls.maintenance.evidence import gather
from seqcls.messages import checks_table
from seqcls.store.artefacts import ArtefactStore
from seqcls.store.manifest import MANIFEST
from seqcls.table import KINDS
from seqcls.validation.checks import CheckReport, CheckResult, find_stop
from seqcls.validation.look_alikes import look_alikes
from tests.conftest import ROOT
from tests.road_data import write_rows
from tests.seqcls.report_examples import example_evaluation, example_facts
from tests.seqcls.test_report import drawn_once

Say = Callable[..., str]

OVER_BUDGET = (
    "4 of 6 rows (66.67%) are rejected: empty 4; the commonest reason: sequence is missing or blank, expected a "
    "sequence; expected at most 50.00% (score.reject_budget)"
)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command in this process; what it printed."""

    def run(*arguments: object, status: int = 0) -> str:
        assert main([str(argument) for argument in arguments]) == status, capsys.readouterr()
        printed = capsys.readouterr()
        return printed.out if status == 0 else printed.err

    return run


@pytest.mark.fault("N27", tried="classes apart by case, blanks, Unicode form, unseen letters", outcome="warned of")
@pytest.mark.fault("O04", tried="Billing, BILLING and 'billing ' as classes", outcome="a warning with counts")
def test_classes_that_look_alike_are_named_with_their_rows() -> None:
    alike = {"billing": 156, "Billing": 3, "BILLING": 5, "billing ": 1, "other": 9, "caf\u00e9": 4, "cafe\u0301": 2,
             "a\u200bb": 2, "ab": 7, "\uff21\uff22": 1, "stra\u00dfe": 1, "STRASSE": 1}  # fmt: skip
    lines = look_alikes(alike)
    assert lines[0].startswith(
        "4 classes look alike: 'billing' 156 rows, 'BILLING' 5 rows, 'Billing' 3 rows, 'billing ' 1"
    )
    assert any("'caf\u00e9' 4 rows, 'cafe\\u0301' 2 rows" in line for line in lines)
    assert any("'ab' 7 rows, 'a\\u200bb' 2 rows, '\uff21\uff22' 1 rows" in line for line in lines)
    assert any("'STRASSE'" in line for line in lines)
    assert len(lines) == 4
    assert lines[0].endswith(
        'join them in [source]: classes = {"BILLING" = "billing", "Billing" = "billing", "billing " = "billing"}'
    )
    apart = {"cat": 1, "dog": 2, "a-b": 3, "a_b": 4, "1": 1, "-1": 1, "10": 1, "caf\u00e9": 1, "cafe": 1}
    assert look_alikes(apart) == []
    (line,) = look_alikes({"1": 5, "1.0": 2, "01": 1, "2": 3})
    assert line.startswith("3 classes look alike: '1' 5 rows, '1.0' 2 rows, '01' 1 rows; ")
    (line,) = look_alikes({"NULL": 5, "up": 2})
    assert line == (
        "the class 'NULL' (5 rows) looks like a missing value; if it is one, write it in [source]: "
        'classes = {"NULL" = ""}'
    )


@pytest.mark.fault("N27", tried="check, train and report of classes that look alike", outcome="each shows the warning")
def test_check_train_and_report_name_them(tmp_path: Path, say: Say) -> None:
    names = ["billing", "billing ", "delivery"]
    rows = [[f"{label.strip()} word{n} letter{n % 7}", label] for n in range(40) for label in names]
    with open(tmp_path / "data.csv", "w", newline="") as file:
        csv.writer(file).writerows([["sequence", "label"], *rows])
    config = tmp_path / "p.toml"
    config.write_text('name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["data.csv"]\n'
                      '[model]\nfamily = "ngrams"\n[promote]\nevery_class_predicted = false\n')  # fmt: skip
    expected = "2 classes look alike: 'billing' 40 rows, 'billing ' 40 rows"
    assert f"warning: {expected}" in say("check", config)
    said = say("train", config)
    assert f"warning: {expected}" in said
    assert "name new files under [score]" in said, "O14: score.files is empty"
    [report] = (tmp_path / "store" / "artefacts" / "evaluation").glob("*/report.html")
    assert "2 classes look alike" in report.read_text()
    assert "2 classes look alike" in report.with_name("model_card.md").read_text()


def test_a_report_without_such_classes_warns_of_nothing() -> None:
    assert "look alike" not in write_page(example_evaluation(["a", "b"]), example_facts(["a", "b"]), drawn_once())


@pytest.mark.fault("O12", tried="versions as 1 and as v1 in promote, predict and score", outcome="both are taken")
@pytest.mark.parametrize("version", ["1", "v1"])
def test_a_version_is_taken_with_and_without_its_letter(
    version: str, scored: Path, copy: Callable[[Path], Path], say: Say
) -> None:
    config = copy(scored)
    assert "is champion already" in say("promote", config, "--version", version)
    assert "pairs@v1" in say("predict", config, "w1 first w2 second", "--version", version)
    assert "with pairs@v1" in say("score", config, "--rescore", "--model", version, "--dry-run")


def test_what_is_no_version_is_refused(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["promote", "p.toml", "--version", "vv1"])
    assert "expected a version such as v2" in capsys.readouterr().err


@pytest.mark.fault("O13", tried="lineage of rejected rows and of training rows", outcome="file, row, reasons, split")
@pytest.mark.fault("O08", tried="a dry run over a file that the rules refuse", outcome="refused as by the run")
def test_rows_without_a_score_have_a_lineage_and_a_dry_run_refuses_what_the_run_refuses(
    scored: Path, copy: Callable[[Path], Path], say: Say
) -> None:
    config = copy(scored)
    folder = config.parent
    write_rows(folder / "incoming" / "bad.csv", 2, seed=3, labelled=False, extra=[[f"none-{n}", ""] for n in range(4)])
    write_rows(folder / "incoming" / "some.csv", 9, seed=4, labelled=False, extra=[["none-9", ""]])
    before = {path: path.stat().st_mtime_ns for path in (folder / "store" / "artefacts").rglob("*")}
    plan = say("score", config, "--dry-run")
    assert {path: path.stat().st_mtime_ns for path in (folder / "store" / "artefacts").rglob("*")} == before
    assert "10 rows  incoming/some.csv (1 of them would be rejected)" in plan
    assert OVER_BUDGET in plan
    assert "raise score.reject_budget" in plan
    refused = say("score", config, status=3)
    assert OVER_BUDGET in refused
    assert "incoming/some.csv" not in refused

    [row] = json.loads(say("lineage", config, "none-1", "--json"))
    assert (row["outcome"], row["raw row"]) == ("rejected before scoring", "incoming/bad.csv:4")
    assert row["result"] == "sequence is missing or blank, expected a sequence"
    assert row["whole file"].startswith("refused: 4 of 6 rows")
    [row] = json.loads(say("lineage", config, "bad-1", "--json"))
    assert (row["outcome"], row["raw row"]) == ("rejected in training", "data/train.csv:121")
    [row] = json.loads(say("lineage", config, "train-7", "--json"))
    assert (row["outcome"], row["raw row"]) == ("a row of the training data", "data/train.csv:8")
    assert row["split"] in {f"{split} of pairs@v1" for split in ("train", "valid", "test")}
    assert "no row with id 'nobody' was scored, rejected or trained on" in say("lineage", config, "nobody", status=3)


@pytest.mark.fault(
    "O14", tried="init, train, and the step that it names: score", outcome="works without a further word"
)
def test_the_first_next_of_a_new_pipeline_works(tmp_path: Path, say: Say) -> None:
    for kind in KINDS:
        assert '\nfiles = ["incoming/*.' in template(kind).partition("[score]")[2]
    config = tmp_path / "my.toml"
    say("init", "--kind", "tokens", config)
    write_rows(tmp_path / "data" / "train.csv", 60, seed=0, labelled=True)
    text = config.read_text().replace('format = "jsonl"', 'format = "csv"').replace("*.jsonl", "*.csv")
    text = text.replace('sequence = "tokens"', 'sequence = "sequence"').replace("epochs = 30", "epochs = 1")
    config.write_text(text)
    say("train", config)
    said = say("promote", config, "--force", "--why", "first")
    assert said.rstrip().endswith(f"Next: `seqcls score {config}`")
    assert "put new files where score.files points" in say("score", config)


@pytest.mark.fault("O15", tried="a newcomer who does not run the demo", outcome="`make install` stands before `init`")
def test_the_readme_installs_before_it_uses() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.index("\nmake install") < text.index(".venv/bin/seqcls init")
    recipe = subprocess.run(
        ["make", "-n", "-B", "install"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "some minutes" in recipe


REPORT: dict[str, Any] = {"rows_in": 300, "accepted": 240, "rejected": 60, "rejected_by_source": 0, "warnings": ()}


def report(*checks: CheckResult, **more: Any) -> CheckReport:
    return CheckReport(**{**REPORT, "checks": checks, "classes": {"a": 150, "b": 90}, **more})


def check(rule: str, found: int, policy: str = "fail", *, success: bool = True) -> CheckResult:
    return CheckResult(rule=rule, column="", policy=policy, expected="at least 1 rows", found=found,  # type: ignore[arg-type]
                       share=0.0, success=success, examples=("b",) if found else ())  # fmt: skip


@pytest.mark.fault(
    "O06", tried="a budget of new files; a sixth of the rows blank", outcome="the right setting and words"
)
def test_a_budget_names_its_own_setting_and_mostly_means_mostly() -> None:
    for labelled, setting in ((True, "rules.reject_budget"), (False, "score.reject_budget")):
        stop = find_stop(report(), Counter(empty=60), ["a.csv:1"], 0.1, labelled, {})
        assert stop is not None
        message = str(stop.as_error(Path("checked")))
        assert f"at most 10.00% ({setting})" in message
        assert f"raise {setting}" in message
        assert "mostly" not in message
    stop = find_stop(report(), Counter(empty=160), ["a.csv:1"], 0.1, False, {})
    assert stop is not None
    assert "mostly blank" in stop.advice


@pytest.mark.fault("O06", tried="classes with too few rows", outcome="not called rejected; those alike are named")
def test_a_small_class_is_not_looked_for_among_the_rejects() -> None:
    few = check("min_class_rows", 1, success=False)
    small = report(few, classes={"a": 150, "b": 1, "B": 90})
    stop = find_stop(small, Counter(empty=60), [], 0.5, True, {})
    assert stop is not None
    error = stop.as_error(Path("checked"))
    assert not isinstance(error, BudgetExceeded)
    assert error.next_step.startswith("add rows, name the classes to keep")
    assert "2 classes look alike: 'B' 90 rows, 'b' 1 rows" in error.next_step
    assert error.next_step.endswith("; `seqcls rejects CONFIG` lists the 60 rejected rows with all reasons")
    stop = find_stop(report(few, classes={"a": 150, "b": 1}, rejected=0), Counter(), [], 0.5, True, {})
    assert stop is not None
    assert "rejected" not in stop.as_error(Path("checked")).next_step


@pytest.mark.fault(
    "O06", tried="the table of checks in the interface", outcome="no 'ok' beside rejected rows; no 'found 0'"
)
def test_the_table_of_checks_says_what_was_found() -> None:
    table = checks_table(report(check("empty", 60, "reject"), check("min_rows", 0), check("length", 2, "warn")))
    assert "| set aside | empty |" in table
    assert "| ok | min\\_rows |" in table.replace("min_rows", "min\\_rows")
    assert "| enough |" in table
    assert "| warned | length |" in table
    assert "| 2 rows |" in table


@pytest.mark.fault("O06", tried="a file without the columns of sequence, class and time", outcome="all named at once")
def test_all_missing_columns_are_told_at_once(tmp_path: Path, say: Say) -> None:
    (tmp_path / "data.csv").write_text("Text,Class,when\na b,x,1\n")
    config = tmp_path / "p.toml"
    config.write_text('name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["data.csv"]\nsequence = "text"\n'
                      'label = "class"\ntime = "time"\n[model]\nfamily = "cnn"\n')  # fmt: skip
    said = say("check", config, status=3)
    for part in (
        "no column 'text'; the nearest is 'Text'",
        "no column 'class'; the nearest is 'Class'",
        "no column 'time'",
    ):
        assert part in said
    assert "Next: correct source.sequence and source.label and source.time in the config, or the file" in said


@pytest.mark.fault(
    "O06", tried="lstm changed to ngrams: keys of the model and of training", outcome="one round, not two"
)
def test_faults_behind_unknown_keys_are_told_with_them() -> None:
    config: dict[str, object] = {
        "name": "p", "kind": "text", "source": {"format": "csv", "files": ["a.csv"]},
        "model": {"family": "ngrams", "embedding": 64, "width": 64}, "train": {"epochs": 30},
    }  # fmt: skip
    with pytest.raises(ConfigRefused) as caught:
        parse_pipeline(config, "p.toml")
    for place in (
        "model.embedding: unknown key",
        "model.width: unknown key",
        "train.epochs is for families trained in",
    ):
        assert place in caught.value.found
    assert caught.value.found.startswith("3 faults")


@pytest.mark.fault(
    "O06", tried="a store that was copied, and a ledger rebuilt from it", outcome="the version's own time"
)
def test_a_rebuilt_version_is_not_younger_than_its_scores(scored: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(scored / "store", tmp_path / "store"))
    [manifest] = (store / "artefacts" / "evaluation").glob(f"*/{MANIFEST}")
    manifest.touch()
    [version] = gather(ArtefactStore(store), SILENT).versions.values()
    moves = [json.loads(path.read_bytes()) for path in (store / "artefacts" / "alias_move").glob(f"*/{MANIFEST}")]
    assert version["registered_at"] == min(move["meta"]["changed_at"] for move in moves) < manifest.stat().st_mtime


@pytest.mark.fault("O13", tried="lineage of a training row whose table is damaged", outcome="named, not 'no such row'")
def test_a_damaged_table_is_no_missing_row(scored: Path, copy: Callable[[Path], Path], say: Say) -> None:
    config = copy(scored)
    for path in (config.parent / "store" / "artefacts" / "checked").glob("*/rows/*.parquet"):
        path.write_bytes(path.read_bytes()[:-1])
    assert "not readable as Parquet" in say("lineage", config, "train-7", status=5)


@pytest.mark.fault("O13", tried="the installed command, a row of the training data", outcome="its file, row and split")
def test_the_installed_command_tells_of_a_training_row(scored: Path, copy: Callable[[Path], Path]) -> None:
    done = subprocess.run([Path(sys.executable).with_name("seqcls"), "lineage", copy(scored), "train-7"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "raw row          data/train.csv:8\n" in done.stdout
