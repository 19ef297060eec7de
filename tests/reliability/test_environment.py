"""A disk that is full, without inodes or read-only: one message, exit code 5, nothing lost, and the rerun completes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.failing_calls import check_one_message, night_of, published
from tests.reliability.invariants import Books, count_final, count_visible
from tests.reliability.processes import Command, Nursery
from tests.reliability.small_disk import ROOMY, remount, small_disk, used_kib


@pytest.fixture
def disk(tmp_path: Path, scored: Path) -> Iterator[Path]:
    """The scored project, with a new night, on a small disk of its own."""
    with small_disk(tmp_path / "disk") as place:
        night_of(scored, place / "project")
        yield place


def check_refused(command: Command) -> None:
    check_one_message(command)
    assert command.text.count("seqcls: ") == 1, command.text


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
    before = published(config)
    remount(disk, f"size={used_kib(disk) + spare}k")
    check_refused(nursery.run("score", config))
    remount(disk, ROOMY)
    check_rerun(nursery, config, before)


@pytest.mark.fault(
    "F56",
    tried="scoring on a disk with 0 to 12 inodes left",
    outcome="one message, exit code 5; earlier scores unchanged; the rerun completes",
)
@pytest.mark.parametrize("spare", [0, 4, 12])
def test_a_disk_without_inodes_is_one_message_and_the_rerun_completes(spare: int, disk: Path, nursery: Nursery) -> None:
    config = disk / "project" / "pairs.toml"
    before = published(config)
    used = os.statvfs(disk)
    remount(disk, f"nr_inodes={used.f_files - used.f_ffree + spare}")
    check_refused(nursery.run("score", config))
    remount(disk, "nr_inodes=100000")
    check_rerun(nursery, config, before)


@pytest.mark.fault(
    "F56",
    tried="scoring on a disk that is read-only",
    outcome="one message, exit code 5; earlier scores unchanged; the rerun completes",
)
def test_a_read_only_store_is_one_message_and_the_rerun_completes(disk: Path, nursery: Nursery) -> None:
    config = disk / "project" / "pairs.toml"
    before = published(config)
    remount(disk, "ro")
    check_refused(nursery.run("score", config))
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
    config = night_of(scored, tmp_path / "project")
    before = published(config)
    check_refused(nursery.run("score", config, limits={"RLIMIT_FSIZE": 2000}))
    check_rerun(nursery, config, before)
