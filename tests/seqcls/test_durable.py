"""Small files that are replaced: all of the old or all of the new, whatever power loss leaves; folders that stay."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.store.durable import make_folder, replace_file, replace_text
from tests.faults.crash_states import Moment, Recorder, crash_states

OLD, NEW = "before", "after äöü"


def watch(tmp_path: Path, before: str | None, work: Callable[[Path], None]) -> list[Moment]:
    """Each moment of work on `file.json`, in a folder that is safe on disk when it begins."""
    folder = tmp_path / "folder"
    folder.mkdir()
    if before is not None:
        (folder / "file.json").write_text(before)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        ledger.execute("CREATE TABLE beside (name TEXT)")  # the recorder looks at a ledger too
    recorder = Recorder(folder, tmp_path / "ledger.db")
    with recorder.watching():
        work(folder / "file.json")
    return recorder.moments


def contents(moments: list[Moment]) -> set[str | None]:
    """What the file may hold afterwards; None = there is none."""
    found = (state.get("file.json") for _, state in crash_states(moments))
    return {None if data is None else data.decode() for data in found}


@pytest.mark.parametrize("before", [OLD, None])
def test_a_replaced_file_is_whole_whenever_the_machine_stops(before: str | None, tmp_path: Path) -> None:
    moments = watch(tmp_path, before, lambda path: replace_text(path, NEW))
    assert contents(moments) == {before, NEW}
    assert contents(moments[-1:]) == {NEW}, "when the call has returned nothing can be lost"


def test_a_rename_without_a_sync_may_leave_an_empty_file(tmp_path: Path) -> None:
    """So the test above can fail."""

    def carelessly(path: Path) -> None:
        draft = path.with_name("draft")
        draft.write_text(NEW)
        os.replace(draft, path)

    assert "" in contents(watch(tmp_path, None, carelessly))


def test_new_folders_are_there_after_power_loss(tmp_path: Path) -> None:
    moments = watch(tmp_path, None, lambda path: make_folder(path.parent / "a" / "b"))
    assert all({"a", "a/b"} <= state.keys() for _, state in crash_states(moments[-1:]))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    replace_text(path, OLD)

    def fail(_file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace_file(path, fail)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file.json", OLD)]
