"""benchmarks.busy: who waits how, that busy processes surely end, and the table."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.busy import SPINS, busy_processes, sides, write
from benchmarks.busy_table import busy_table, read_busy
from benchmarks.measured import Row, peer_environment


def test_peers_and_ours_spinning_wait_as_without_us(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # as importing seqcls set it here
    monkeypatch.setenv("GOMP_SPINCOUNT", "10000")
    who = sides(tmp_path / "rows.npz", 1, argparse.Namespace(threads=2, keras="/keras/python"))
    assert list(who) == ["seqcls", "seqcls, spinning", "torch", "keras"]
    assert {environment.get("OMP_WAIT_POLICY") for _, environment in who.values()} == {None}
    assert [environment.get("GOMP_SPINCOUNT") for _, environment in who.values()] == [None, SPINS, None, None]
    assert who["seqcls"][0] == who["seqcls, spinning"][0]
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert peer_environment()["OMP_WAIT_POLICY"] == "ACTIVE", "the user's own word is for all"


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_busy_processes_end_with_the_block_and_with_a_benchmark_that_is_killed() -> None:
    with pytest.raises(ValueError, match="in the middle"), busy_processes(2) as started:  # noqa: PT012
        assert all(map(is_there, started))
        raise ValueError("in the middle")
    assert len(started) == 2
    assert not any(map(is_there, started))

    killed = (
        "import os; from benchmarks.busy import busy_processes\n"
        "with busy_processes(1) as started:\n print(*started, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", killed], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -9
    left, until = int(done.stdout), time.monotonic() + 60
    while is_there(left) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_there(left)


def test_the_table_has_every_load_and_says_which_two_trainings_take_too_long(tmp_path: Path) -> None:
    line: Row = {"what": "rows/s", "who": "seqcls", "pairs": 2}
    line |= {f"{figure}{kind}": 1500 for figure in ("train", "score") for kind in ("", "_lowest", "_highest")}
    line |= {"train_ratio": 12.5, "score_ratio": 0.98}
    both: Row = {"what": "two at once", "alone_s": 10.0, "most": 1.15}
    write(tmp_path / "busy.json", [
        {**line, "busy": 0}, {**line, "busy": 4}, {**both, "who": "seqcls", "together_s": 11.5, "ratio": 1.15},
        {**both, "who": "torch", "together_s": 30.0, "ratio": 3.0},
    ], threads=2)  # fmt: skip
    text = busy_table(read_busy(tmp_path))
    assert "| none: quiet | seqcls | 1,500 (1,500 to 1,500) | 12.5 | 1,500 (1,500 to 1,500) | 0.98 | 2 |" in text
    assert "| 4 | seqcls |" in text
    assert "| seqcls | 10.0 | 11.5 | 1.15 | holds |" in text
    assert "| torch | 10.0 | 30.0 | 3.0 | **missed** |" in text
    assert json.loads((tmp_path / "busy.json").read_text())["about"]["threads"] == 2
    assert read_busy(tmp_path / "nowhere") == []
