"""What is shown never ends a run: notes about the engine, a display that fails, a terminal that is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import seqcls.cli.train_and_score
import seqcls.engines.races
from seqcls.cli import main
from seqcls.cli.progress import SCORING, TerminalListener
from seqcls.engines.machine import this_machine
from seqcls.engines.race import Lane, Race
from seqcls.engines.races import ensure_race
from seqcls.registry.versions import champion
from seqcls.store.artefacts import ArtefactStore
from seqcls.workspace import open_workspace
from tests.faults.test_inbox_entries import BAD_NAME, ROW, scored_rows
from tests.reliability.invariants import Books, count_final, count_visible
from tests.reliability.processes import Nursery

SEQCLS = Path(sys.executable).with_name("seqcls")


def keep_race(config: Path, **machine: str) -> Path:
    """A race of the champion that chose torch, kept as run on this machine or on one that differs; its folder."""
    here = this_machine().model_copy(update=machine)
    lanes = (Lane(engine="torch", rows_per_second=100.0),)
    race = Race(
        chosen="torch", why="said by the test", rows=300, lap_rows=256, batch_size=256, threads=1, machine=here,
        lanes=lanes,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, open_workspace(config) as workspace:
        patch.setattr(seqcls.engines.races, "FEWEST_ROWS", 0)
        patch.setattr(seqcls.engines.races, "this_machine", lambda: here)
        patch.setattr(seqcls.engines.races, "run_race", lambda *given: race)
        ensure_race(workspace, champion(workspace))
        [folder] = (workspace.store.root / "artefacts" / "race").iterdir()
    return folder


def another_machine(config: Path) -> str:
    keep_race(config, processor="Other")
    return "was raced on another machine (processor "


def older_versions(config: Path) -> str:
    keep_race(config, torch="1.0", openvino="2019.1")
    return "was raced on another machine ("


def older_rules(config: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seqcls.engines.races, "RULES", 0)
        keep_race(config)
    return "was raced with earlier engines or rules"


def missing(config: Path) -> str:
    folder = keep_race(config)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return "the record of its race is gone"


def damaged(config: Path) -> str:
    path = keep_race(config) / "race.json"
    path.chmod(0o600)
    path.write_text(path.read_text()[:-9])
    return "the record of its race is damaged ("


@pytest.mark.fault(
    "N01",
    tried="score with a champion whose race is missing, damaged, of another machine, of older versions or rules",
    outcome="a line says which engine scores and why; everything is scored and published, exit code 0",
)
@pytest.mark.parametrize("spoil", [another_machine, older_versions, older_rules, missing, damaged])
def test_a_note_about_the_engine_is_a_line_and_the_night_is_published(
    spoil: Callable[[Path], str], trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    note = spoil(config)
    command = nursery.run("score", config)
    assert command.status == 0, command.text
    assert "Traceback" not in command.text
    assert [line for line in command.text.splitlines() if line.startswith(" " * 13 + "torch scores: ") and note in line]
    assert count_final(config) == Books()
    assert list((config.parent / "scores").rglob("part-*.parquet"))


def test_the_installed_command_publishes_with_a_note_about_the_engine_and_beside_a_bad_name(
    trained: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    keep_race(config, processor="Other")
    bad = config.parent / "incoming" / BAD_NAME
    bad.write_text(ROW.format("a"))
    done = subprocess.run([SEQCLS, "score", config], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3, done.stderr
    assert r"incoming/n\udce4chte.csv: the name is not UTF-8" in done.stderr
    assert "Traceback" not in done.stderr
    assert "             torch scores: pairs@v1 was raced on another machine (processor " in done.stderr
    assert scored_rows(config) == {"incoming/night.csv": 90}
    bad.unlink()
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N01",
    tried="score with every record of the training but the model itself deleted, one kind after the other",
    outcome="scored and published, exit code 0; without the model one message and exit code 5",
)
def test_a_night_needs_the_model_and_no_other_record_of_the_training(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    kinds = {path.name for path in (config.parent / "store" / "artefacts").iterdir()}
    assert {"table", "checked", "splits", "encoded", "evaluation", "model", "alias_move"} <= kinds
    for kind in sorted(kinds - {"model"}):
        _remove(config, kind)
        command = nursery.run("score", config)
        assert (command.status, "Traceback" in command.text) == (0, False), (kind, command.text)
    assert count_final(config) == Books()
    _remove(config, "model")
    (config.parent / "incoming" / "next.csv").write_text("id,sequence\nlast,w1 first w2 second\n")
    command = nursery.run("score", config)
    assert command.status == 5, command.text
    assert "Traceback" not in command.text


def _remove(config: Path, kind: str) -> None:
    store = ArtefactStore(config.parent / "store")
    for folder in (store.root / "artefacts" / kind).iterdir():
        store.set_aside(store.ref(kind, folder.name))


@pytest.mark.fault(
    "N01",
    tried="a display that fails at every call, and last words that cannot be made",
    outcome="one line says so; scored, published, exit code 0",
)
def test_a_display_that_fails_is_one_line_and_the_night_is_published(
    trained: Path, copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = copy(trained)

    def fail(*_: object) -> None:
        raise ValueError("tuple.index(x): x not in tuple")

    for name in ("stage", "progress", "_spin", "_stop"):
        monkeypatch.setattr(TerminalListener, name, fail)
    monkeypatch.setattr("seqcls.messages.after_scoring", fail)
    assert main(["score", str(config)]) == 0
    said = capfd.readouterr().err.splitlines()
    reason = "could not be shown (ValueError: tuple.index(x): x not in tuple); the run goes on"
    assert [line for line in said if "could not" in line] == [
        f"seqcls: the progress {reason}",
        f"seqcls: the progress {reason}",
        f"seqcls: the progress {reason}",
        f"seqcls: the last words of the run {reason}",
    ]
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N01",
    tried="a display that fails while a network is trained",
    outcome="one line says so; the model is trained and champion",
)
def test_a_display_that_fails_does_not_end_a_training(
    untrained: Path, copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = copy(untrained)
    config.write_text(config.read_text().replace("epochs = 3", "epochs = 1"))

    def fail(*_: object) -> None:
        raise KeyError("no such stage")

    for name in ("stage", "note", "progress"):
        monkeypatch.setattr(TerminalListener, name, fail)
    assert main(["train", str(config), "--json"]) == 0
    shown = capfd.readouterr()
    assert json.loads(shown.out)["model"] == "pairs@v1"
    assert [line.split(" could")[0] for line in shown.err.splitlines() if "KeyError" in line] == [
        "seqcls: the progress",
    ]


@pytest.mark.fault(
    "N01", tried="score with a standard error that nobody reads any more (`2>&1 | head`)",
    outcome="scored and published in silence, exit code 0",
)  # fmt: skip
def test_a_pipe_that_nobody_reads_does_not_end_the_night(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([SEQCLS, "score", config], stderr=writer, stdout=subprocess.PIPE, timeout=300, check=False)
    os.close(writer)
    assert done.returncode == 0
    assert b"92 rows in = 90 scored + 2 rejected + 0 abstained" in done.stdout
    assert count_final(config) == Books()


def test_any_name_is_shown_as_it_is_and_what_comes_next_stays(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalListener(False, SCORING) as teller:
        teller.stage("score", "9 rows")
        teller.stage("engine", "torch scores: [bold]x[/bold] \x1b[31m" + "long " * 30)
        teller.stage("publish", "1 files")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["score", "engine", "publish"]
    assert "[bold]x[/bold] \\x1b[31mlong" in lines[1]


def test_being_told_to_stop_is_no_failure_of_the_display(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TerminalListener, "progress", stop)
        assert main(["score", str(config)]) == 130
    assert count_visible(config) == Books()
    assert seqcls.cli.train_and_score.TerminalListener is TerminalListener
