"""Seconds of `make fast` and `make test`: kept when the command succeeds, in the words of `make shape`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks import timed


def test_only_a_command_that_succeeds_is_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "TIMES", tmp_path / "build" / "tests.json")
    share = tmp_path / "coverage.json"
    share.write_text('{"totals": {"percent_covered": 95.26}}')
    assert timed.run("fast", [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert timed.lines()["`make fast`"] == "not run here"
    assert timed.run("fast", [sys.executable, "-c", "import time; time.sleep(0.6)"]) == 0
    assert timed.run("coverage", ["true"], share) == 0
    assert set(json.loads(timed.TIMES.read_text())) == {"fast", "coverage"}
    shown = timed.lines()
    assert re.fullmatch(r"1 s \(20\d\d-\d\d-\d\d, \d+ cores, .*\)", shown["`make fast`"])
    assert shown["`make coverage`"].startswith("95.3 % of the lines; 0 s (20")
    assert shown["`make test`"] == "not run here"
