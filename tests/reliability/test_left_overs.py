"""Temporary files know who writes them: those of the dead go, those of the living stay, a failure says so."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path

import pytest

from seqcls.errors import WorldFailed
from seqcls.store.temporary import is_left_over, remove_left_over, temporary_name

DEAD = f".tmp-{socket.gethostname()}~1~0~dead"


def test_what_a_dead_process_left_is_removed_with_all_in_it(tmp_path: Path) -> None:
    (tmp_path / DEAD / "rows").mkdir(parents=True)
    (tmp_path / DEAD / "rows" / "part-00000.parquet").write_bytes(b"half")
    (tmp_path / f"{DEAD}2").write_bytes(b"a file")
    assert remove_left_over(sorted(tmp_path.iterdir())) == 2
    assert not list(tmp_path.iterdir())


def test_what_this_process_writes_stays_however_long_it_takes(tmp_path: Path) -> None:
    folder = tmp_path / temporary_name()
    folder.mkdir()
    os.utime(folder, (1.0, 1.0))
    assert not is_left_over(folder)
    assert remove_left_over([folder]) == 0


def test_of_another_machine_only_what_nobody_touched_for_a_day_goes(tmp_path: Path) -> None:
    folder = tmp_path / ".tmp-elsewhere~77~5~x"
    folder.mkdir()
    growing = folder / "part-00000.parquet"
    growing.write_bytes(b"a shard that is being written")
    past = time.time() - 3 * 24 * 3600
    os.utime(folder, (past, past))
    assert not is_left_over(folder)
    os.utime(growing, (past, past))
    assert is_left_over(folder)


def test_a_left_over_that_cannot_be_removed_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / DEAD).mkdir()

    def refuse(path: str, onerror: object = None) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(WorldFailed, match=r"cannot clear what a killed run left \(Permission denied\)"):
        remove_left_over([tmp_path / DEAD])
