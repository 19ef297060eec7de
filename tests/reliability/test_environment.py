"""A disk that is full, without inodes or read-only: one message, exit code 5, nothing lost, and the rerun completes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.invariants import Books, count_final, count_visible, visible_files
from tests.reliability.processes import Command, Nursery
from tests.road_data import write_rows


@pytest.fixture
def disk(tmp_path: Path, scored: Path) -> Iterator[Path]:
    """The scored project, with a new night, on a small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk: {mounted.stderr.strip()}")
    try:
        shutil.copytree(scored, place / "project")
        add_night(place / "project")
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def add_night(project: Path) -> None:
    write_rows(project / "incoming" / "second.csv", 60, seed=5, labelled=False, extra=[["empty-3", ""]])


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def check_one_message(command: Command) -> None:
    assert command.status == 5, command.text
    assert command.text.count("seqcls: ") == 1
    assert "Traceback" not in command.text
    assert "Next: " in command.text


def check_rerun(nursery: Nursery, config: Path, before: dict[Path, bytes]) -> None:
    assert all(path.read_bytes() == data for path, data in before.items())
    assert count_visible(config) == Books()
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F54",
    tried="scoring on a small disk with 0 to 100 KiB left",
    outcome="one message, exit code 5; earlier scores unchanged; with space the rerun completes",
)
@pytest.mark.parametrize("spare", [0, 20, 60, 100])
def test_a_full_disk_is_one_message_and_the_rerun_completes(spare: int, disk: Path, nursery: Nursery) -> None:
    config = disk / "project" / "pairs.toml"
    before = {path: path.read_bytes() for path in visible_files(config.parent)}
    used = os.statvfs(disk)
    kib = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
    remount(disk, f"size={kib + spare}k")
    check_one_message(nursery.run("score", config))
    remount(disk, "size=64m")
    check_rerun(nursery, config, before)


@pytest.mark.fault(
    "F56",
    tried="scoring on a disk with 0 to 12 inodes left",
    outcome="one message, exit code 5; earlier scores unchanged; the rerun completes",
)
@pytest.mark.parametrize("spare", [0, 4, 12])
def test_a_disk_without_inodes_is_one_message_and_the_rerun_completes(spare: int, disk: Path, nursery: Nursery) -> None:
    config = disk / "project" / "pairs.toml"
    before = {path: path.read_bytes() for path in visible_files(config.parent)}
    used = os.statvfs(disk)
    remount(disk, f"nr_inodes={used.f_files - used.f_ffree + spare}")
    check_one_message(nursery.run("score", config))
    remount(disk, "nr_inodes=100000")
    check_rerun(nursery, config, before)


@pytest.mark.fault(
    "F56",
    tried="scoring on a disk that is read-only",
    outcome="one message, exit code 5; earlier scores unchanged; the rerun completes",
)
def test_a_read_only_store_is_one_message_and_the_rerun_completes(disk: Path, nursery: Nursery) -> None:
    config = disk / "project" / "pairs.toml"
    before = {path: path.read_bytes() for path in visible_files(config.parent)}
    remount(disk, "ro")
    check_one_message(nursery.run("score", config))
    remount(disk, "rw")
    check_rerun(nursery, config, before)


@pytest.mark.fault(
    "F55",
    tried="a limit on file sizes (EFBIG) while scoring",
    outcome="one message, exit code 5; earlier scores unchanged; the rerun completes",
)
def test_a_limit_on_file_sizes_is_one_message_and_the_rerun_completes(
    scored: Path, tmp_path: Path, nursery: Nursery
) -> None:
    project = Path(shutil.copytree(scored, tmp_path / "project"))
    add_night(project)
    before = {path: path.read_bytes() for path in visible_files(project)}
    check_one_message(nursery.run("score", project / "pairs.toml", limits={"RLIMIT_FSIZE": 2000}))
    check_rerun(nursery, project / "pairs.toml", before)
