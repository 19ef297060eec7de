"""Files with times in the future, and outputs that lie where files are read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import seqcls.scoring.arrivals
from seqcls.cli import main
from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused
from tests.reliability.invariants import Books, count_final, visible_files
from tests.road_data import write_project

DAY = 24 * 3600
SEQCLS = Path(sys.executable).with_name("seqcls")


@pytest.fixture
def waiting(trained: Path, copy: Callable[[Path], Path]) -> Path:
    """A night whose file says that it was changed in 400 days, for a pipeline that waits for an hour of quiet."""
    config = copy(trained)
    config.write_text(config.read_text() + "stable_seconds = 3600\n")
    ahead = time.time() + 400 * DAY
    os.utime(config.parent / "incoming" / "night.csv", (ahead, ahead))
    return config


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """What discovery takes for now, from now."""
    now = time.time() + seconds
    monkeypatch.setattr(seqcls.scoring.arrivals.time, "time", lambda: now)


@pytest.mark.fault(
    "N18",
    tried="a file whose time of change is 400 days ahead, with score.stable_seconds",
    outcome="left for the next run while the disk's own time says that it is fresh, then scored",
)
def test_a_time_in_the_future_is_no_reason_to_wait_for_ever(
    waiting: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(waiting)]) == 0
    assert "left for the next run: incoming/night.csv (changed a moment ago)" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        set_clock(patch, 2 * 3600)
        assert main(["score", str(waiting)]) == 0
    assert count_final(waiting) == Books()


@pytest.mark.fault(
    "N18",
    tried="the same on a machine whose clock was set back, so that the disk's own time is ahead too",
    outcome="refused by name, exit code 3: its times are in the future; the others are scored",
)
def test_a_file_whose_every_time_is_in_the_future_is_refused(
    waiting: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = waiting.parent / "incoming" / "old.csv"
    old.write_text("id,sequence\nold,w1 first w2 second\n")
    before = time.time() - 30 * DAY
    os.utime(old, (before, before))
    set_clock(monkeypatch, -10 * DAY)
    assert main(["score", str(waiting)]) == 3
    said = capsys.readouterr().err
    assert "incoming/night.csv: its times are in the future (20" in said
    assert "correct the clock of this machine, or write the file again" in said
    assert visible_files(waiting.parent)


REFUSED = [  # what is read, where is written
    ("files = ['incoming/*']", "output = 'incoming/scores'", "score.files 'incoming/*'"),
    ("files = ['incoming']", "output = 'incoming/deep/scores'", "score.files 'incoming'"),
    ("files = ['incoming/**/*.parquet']", "output = 'incoming/scores'", "score.files 'incoming/**/*.parquet'"),
    ("files = ['**/*.parquet']", "output = 'scores'", "score.files '**/*.parquet'"),
    ("files = ['scores/*/*/*.parquet']", "output = 'scores'", "score.files 'scores/*/*/*.parquet'"),
    ("files = ['.']", "output = '../elsewhere'", "score.files '.' also names what is written to store 'store'"),
    ("files = ['link/*']", "output = 'incoming/scores'", "score.files 'link/*'"),
]
ACCEPTED = [
    ("files = ['incoming/*.csv']", "output = 'scores'"),
    ("files = ['*/*.csv']", "output = 'scores'"),
    ("files = ['incoming/*.csv']", "output = 'incoming/scores'"),
    ("files = ['incoming/new-*']", "output = 'incoming/scores'"),
    ("files = ['incoming/[ab]/*']", "output = 'incoming/c'"),
]


def configured(folder: Path, files: str, output: str) -> Path:
    config = write_project(folder, rows=3)
    (folder / "link").symlink_to("incoming")
    config.write_text(config.read_text().replace('files = ["incoming/*.csv"]', f"{files}\n{output}"))
    return config


@pytest.mark.fault(
    "N20",
    tried="score.output inside the score folder, or score.files that match the scores or the store",
    outcome="refused when the config is read, in one message with both settings",
)
@pytest.mark.parametrize(("files", "output", "message"), REFUSED)
def test_an_output_that_would_be_read_as_new_files_is_refused(
    files: str, output: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigRefused) as caught:
        load_pipeline(configured(tmp_path / "project", files, output))
    assert message in str(caught.value)
    assert "narrow the pattern" in str(caught.value)


@pytest.mark.parametrize(("files", "output"), ACCEPTED)
def test_an_output_beside_what_is_read_is_no_fault(files: str, output: str, tmp_path: Path) -> None:
    assert load_pipeline(configured(tmp_path / "project", files, output)).pipeline.name == "pairs"


def test_the_command_refuses_it_before_it_does_anything(tmp_path: Path) -> None:
    config = configured(tmp_path / "project", *REFUSED[0][:2])
    done = subprocess.run([SEQCLS, "check", config], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"seqcls: {config}: score.files 'incoming/*' also names what is written to score.out")
    assert not (config.parent / "store").exists()
