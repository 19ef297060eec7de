"""One bad entry of the inbox never stops the others: each is refused by its name, the rest is scored and published."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqcls.errors import DataRefused, InputFailed
from seqcls.sources import FORMATS, read_file
from seqcls.sources.discover import find_files
from seqcls.store.parquet import read_parquet
from seqcls.table import SourceBatch
from tests.faults.test_environment_memory import limit_above
from tests.reliability.invariants import Books, count_final, count_visible, visible_files
from tests.reliability.processes import Command, Nursery
from tests.reliability.small_disk import remount, small_disk
from tests.road_data import write_rows
from tests.seqcls.table_examples import make_pipeline

ROW = "id,sequence\n{0},w1 first w2 second\n"
BAD_NAME = os.fsdecode(b"n\xe4chte.csv")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def waiting_for_ever(path: Path) -> None:
    """The kernel's log: a plain file without bytes by its looks, whose reader waits."""
    path.symlink_to("/proc/kmsg")


def endless(path: Path) -> None:
    """A file of more than may be read, such as /proc/kcore (128 TB by its looks): not a byte of it is read."""
    path.touch()
    os.truncate(path, 60_000_000_000)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def closed(path: Path) -> None:
    path.write_text(ROW.format("closed"))
    path.chmod(0)


def closed_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside.csv").write_text(ROW.format("inside"))
    path.chmod(0)


def folder_with_a_closed_one(path: Path) -> None:
    (path / "deeper").mkdir(parents=True)
    (path / "inside.csv").write_text(ROW.format("seen"))
    (path / "deeper").chmod(0)


def beyond_a_closed_folder(path: Path) -> None:
    path.symlink_to("closed_folder.csv/inside.csv")


ENTRIES: dict[Callable[[Path], None], str] = {
    dangling: "cannot be accessed (No such file or directory)",
    loop: "cannot be accessed (Too many levels of symbolic links)",
    device: "not a regular file but a device",
    waiting_for_ever: "no rows: the file is empty",
    endless: "more than 50000000000 bytes; expected at most source.max_file_bytes",
    pipe: "not a regular file but a pipe",
    socket: "not a regular file but a socket",
    closed: "cannot read the file (Permission denied)",
    closed_folder: "cannot be accessed (Permission denied)",
    beyond_a_closed_folder: "cannot be accessed (Permission denied)",
}


@pytest.fixture
def inbox(trained: Path, copy: Callable[[Path], Path]) -> Iterator[Path]:
    """A project whose inbox holds one good file and one entry of every bad kind; its pipeline file."""
    config = copy(trained)
    folder = config.parent / "incoming"
    for make in ENTRIES:
        make(folder / f"{make.__name__}.csv")
    folder_with_a_closed_one(folder / "part.csv")
    (folder / BAD_NAME).write_text(ROW.format("bad-name"))
    yield config
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700)
    for path in (folder / "closed_folder.csv", folder / "part.csv" / "deeper"):
        path.chmod(0o700)


def check_refusals(text: str) -> None:
    """Every bad entry is named once, by a name that can be printed, with what it is and what to do."""
    assert "Traceback" not in text
    lines = [line.strip() for line in text.splitlines()]
    for make, reason in ENTRIES.items():
        [line] = [line for line in lines if f"incoming/{make.__name__}.csv:" in line]
        assert reason in line
        assert "Next: " in line
    [line] = [line for line in lines if r"incoming/n\udce4chte.csv: the name is not UTF-8" in line]
    assert "Next: rename the file" in line
    assert [line for line in lines if "incoming/part.csv/deeper: cannot be accessed (Permission denied)" in line]


def scored_rows(config: Path) -> Counter[str]:
    """Rows of the published score files, by the file that they came from."""
    scores = [path for path in visible_files(config.parent) if "rejects" not in path.parts]
    return Counter(name for path in scores for name in read_parquet(path, ["source_file"])["source_file"].to_pylist())


@pytest.mark.fault(
    "N02",
    tried="an inbox with dangling links, links in a circle and to devices, pipes, sockets, files and folders without "
    "permission, a name that is not UTF-8, /proc/kmsg and a file of 60 GB, beside a good file",
    outcome="each refused by a name that can be printed, with what it is; the good file scored and published, exit "
    "code 3; the next night the same; the dry run names them too",
)
def test_bad_entries_are_refused_by_name_and_the_others_are_scored(inbox: Path, nursery: Nursery) -> None:
    planned = nursery.run("score", inbox, "--dry-run", without_rights=True)
    assert planned.status == 0, planned.text
    check_refusals(planned.text)
    first = nursery.run("score", inbox, without_rights=True)
    assert first.status == 3, first.text
    assert "score.files: 12 files refused (all other files are scored)" in first.text
    check_refusals(first.text)
    assert scored_rows(inbox) == {"incoming/night.csv": 90, "incoming/part.csv/inside.csv": 1}
    write_rows(inbox.parent / "incoming" / "second.csv", 20, seed=2, labelled=False)
    second = nursery.run("score", inbox, without_rights=True)
    assert second.status == 3, second.text
    check_refusals(second.text)
    assert scored_rows(inbox)["incoming/second.csv"] == 20


@pytest.mark.fault(
    "N02",
    tried='the same with score.unusable = "set_aside"',
    outcome="the first run fails, the next ones name each in a line and end well; one that is fixed is scored",
)
def test_bad_entries_are_set_aside(inbox: Path, nursery: Nursery) -> None:
    inbox.write_text(inbox.read_text() + 'unusable = "set_aside"\n')
    first = nursery.run("score", inbox, without_rights=True)
    assert first.status == 3, first.text
    assert "score.files: 12 files set aside" in first.text
    second = nursery.run("score", inbox, without_rights=True)
    assert second.status == 0, second.text
    assert second.text.count("set aside since 20") == 12
    check_refusals(second.text)
    planned = nursery.run("score", inbox, "--dry-run", without_rights=True)
    assert planned.text.count("would leave set aside: ") == 12
    (inbox.parent / "incoming" / "closed.csv").chmod(0o600)
    third = nursery.run("score", inbox, "--json", without_rights=True)
    assert third.status == 0, third.text
    summary = json.loads(third.text.splitlines()[-1])
    assert (summary["rows"]["scored"], summary["set_aside"], summary["refused"]) == (1, 11, 0)


@pytest.mark.fault(
    "N02", tried="the same entries among training files", outcome="refused in one message that names the entry"
)
@pytest.mark.parametrize("make", [dangling, loop, device, endless, pipe, socket])
def test_training_files_are_refused_in_one_message(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "data.csv")
    source = make_pipeline("text", source={"format": "csv", "files": ["*.csv"]}).source
    with pytest.raises((DataRefused, InputFailed)) as caught:
        find_files(source, tmp_path)
    assert "data.csv" in str(caught.value)
    assert "Next: " in str(caught.value)


def test_a_training_file_with_a_bad_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / BAD_NAME).write_text("sequence,label\na,b\n")
    with pytest.raises(DataRefused, match="the name is not UTF-8"):
        find_files(make_pipeline("text", source={"format": "csv", "files": ["*.csv"]}).source, tmp_path)


@pytest.mark.fault(
    "N02",
    tried="a subfolder without permission on the way of a pattern with several wildcards",
    outcome="refused by its name; the files of the other folders are scored",
)
def test_a_closed_folder_on_the_way_of_a_pattern_is_named(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    config.write_text(config.read_text().replace("incoming/*.csv", "incoming/*/*.csv"))
    for name in ("a", "b"):
        write_rows(config.parent / "incoming" / name / "new.csv", 3, seed=3, labelled=False)
    write_rows(config.parent / "incoming" / "b" / "new.csv", 5, seed=4, labelled=False)
    (config.parent / "incoming" / "a").chmod(0)
    command = nursery.run("score", config, without_rights=True)
    (config.parent / "incoming" / "a").chmod(0o700)
    assert command.status == 3, command.text
    assert "incoming/a: cannot be accessed (Permission denied)" in command.text
    assert scored_rows(config) == {"incoming/b/new.csv": 5}


def check_one_message(command: Command, status: int) -> str:
    lines = [line for line in command.text.splitlines() if line.startswith("seqcls: ")]
    assert command.status == status, command.text
    assert len(lines) == 1, command.text
    assert "Traceback" not in command.text
    return command.text[command.text.index(lines[0]) :]


@pytest.mark.fault(
    "N02",
    tried="a file that needs more memory than there is (RLIMIT_DATA), beside a good one",
    outcome="refused by its name, the good file scored, exit code 3; alone it is a lack of memory, exit code 5",
)
def test_a_file_that_needs_too_much_memory_does_not_stop_the_others(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    config.write_text(config.read_text().replace("[source]\n", "[source]\nmax_row_bytes = 900000000\n"))
    large = config.parent / "incoming" / "aa.csv"
    large.write_text(f"id,sequence\nlong,{'a ' * 40_000_000}\n")
    limits = limit_above(nursery, 120)
    first = check_one_message(nursery.run("score", config, limits=limits), 3)
    assert "incoming/aa.csv: stage" in first
    assert "not enough memory" in first
    assert scored_rows(config) == {"incoming/night.csv": 90}
    alone = check_one_message(nursery.run("score", config, limits=limits), 5)
    assert "not enough memory" in alone


@pytest.mark.fault(
    "N02",
    tried="a file for which there is no room in the store, beside a good one",
    outcome="refused by its name, the good file scored, exit code 3; alone it is a full disk, exit code 5",
)
def test_a_file_that_needs_too_much_room_does_not_stop_the_others(
    trained: Path, nursery: Nursery, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as place:
        remount(place, "size=8m")
        config = trained / "pairs.toml"
        subprocess.run(["cp", "-r", trained, place / "project"], check=True)
        large = tmp_path / "aa.csv"
        write_rows(large, 200_000, seed=9, labelled=False)
        config = place / "project" / "pairs.toml"
        (config.parent / "incoming" / "aa.csv").symlink_to(large)
        first = check_one_message(nursery.run("score", config), 3)
        assert "incoming/aa.csv: " in first
        assert "MB free" in first
        assert scored_rows(config) == {"incoming/night.csv": 90}
        assert count_visible(config) == Books()
        assert "MB free" in check_one_message(nursery.run("score", config), 5)


@pytest.mark.fault(
    "N02",
    tried="a file at whose reading the process is killed each time, as the kernel does for lack of memory",
    outcome="from the second night on all others are scored and published before it is tried; when it can be read it "
    "is scored",
)
def test_a_file_that_ends_the_process_is_tried_when_all_else_is_published(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    write_rows(config.parent / "incoming" / "aa.csv", 30, seed=5, labelled=False)
    killed = nursery.run("score", config, failpoint="artefact_begun=kill@2")  # the record of names, the table of aa.csv
    assert killed.status == -signal.SIGKILL
    assert scored_rows(config) == {}
    # A table, its checked rows and three chunks of scores of night.csv, then the table of aa.csv.
    killed = nursery.run("score", config, failpoint="artefact_begun=kill@6")
    assert killed.status == -signal.SIGKILL
    assert scored_rows(config) == {"incoming/night.csv": 90}
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()


def test_what_a_killed_run_committed_is_published_by_the_next_before_it_reads(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    assert nursery.run("score", config, failpoint="chunk_committed=kill@3").status == -signal.SIGKILL
    assert scored_rows(config) == {}
    write_rows(config.parent / "incoming" / "aa.csv", 30, seed=5, labelled=False)
    assert nursery.run("score", config, failpoint="artefact_begun=kill").status == -signal.SIGKILL
    assert scored_rows(config) == {"incoming/night.csv": 90}


@pytest.mark.fault(
    "N02", tried="an error of the disk (EIO) in the middle of one file", outcome="that file is refused by its name"
)
def test_an_error_of_the_disk_in_one_file_is_of_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.csv").write_text("sequence,label\na,b\n")
    source = make_pipeline("text", source={"format": "csv", "files": ["*.csv"]}).source
    [file] = find_files(source, tmp_path)

    def fail(_reading: object) -> Iterator[SourceBatch]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    monkeypatch.setitem(FORMATS, "csv", fail)
    with pytest.raises(InputFailed, match=r"^data\.csv: cannot be read \(Input/output error\)"):
        list(read_file(file, source, "text", labelled=False, folder=tmp_path))
