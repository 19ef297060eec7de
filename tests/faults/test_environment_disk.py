"""Disks that are full, fail, may not be written, or hold something else where a folder should be.

Promise: one message with the place and the next step, exit code 5 (or the fault was absorbed), what was visible before
is unchanged byte for byte, and the same command completes afterwards.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.broken_world import BrokenWorld
from tests.faults.failing_calls import add_night, check_one_message, count_calls, night_of, try_failing_call
from tests.reliability.invariants import Books, count_final, count_visible, model_digests
from tests.reliability.processes import Nursery
from tests.reliability.small_disk import remount, small_disk, used_kib


@pytest.fixture
def on_small_disk(tmp_path: Path, untrained: Path) -> Iterator[Path]:
    """The untrained project on a disk of its own; its pipeline file."""
    with small_disk(tmp_path / "disk") as place:
        yield Path(shutil.copytree(untrained, place / "project")) / "pairs.toml"


@pytest.mark.fault(
    "F54",
    tried="a training on a small disk that is full, and grows by 100 KiB after each failure",
    outcome="each time one message with the step and the space left; nothing half is visible; the last run completes, "
    "to the model of an undisturbed training",
)
def test_a_training_on_a_full_disk_that_grows(on_small_disk: Path, trained: Path, nursery: Nursery) -> None:
    disk = on_small_disk.parents[1]
    kib, refused = used_kib(disk), 0
    while True:
        remount(disk, f"size={kib}k")
        command = nursery.run("train", on_small_disk)
        assert count_visible(on_small_disk) == Books()
        if command.status == 0:
            break
        message = check_one_message(command)
        assert "free space" in message
        kib, refused = kib + 100, refused + 1
    assert refused >= 2
    assert model_digests(on_small_disk) == model_digests(trained / "pairs.toml")


@pytest.mark.fault(
    "F54",
    tried="no space (ENOSPC) at the first write of each stage of a training, one after the other",
    outcome="each time one message with the stage's artefact and the space left, exit code 5; what was made stays",
)
def test_no_space_in_each_stage_of_training(
    untrained: Path, trained: Path, world: BrokenWorld, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(untrained)
    artefacts = config.parent / "store" / "artefacts"
    for kind in ("table", "checked", "splits", "encoded", "model", "evaluation"):
        world.fail("write", errno.ENOSPC, artefacts / kind, 1)
        message = check_one_message(nursery.run("train", config))
        assert f"while writing a {kind} artefact" in message
        assert re.search(r"No space left on device.*\(\d+\.\d MB free\)", message)
        assert count_visible(config) == Books()
        assert not list(artefacts.glob("*/.tmp-*"))
    world.fix()
    assert nursery.run("train", config).status == 0
    assert model_digests(config) == model_digests(trained / "pairs.toml")


@pytest.mark.fault(
    "F54",
    tried="output into a full disk (/dev/full)",
    outcome="one message that says so, exit code 5, no traceback",
)
def test_output_that_cannot_be_written_is_one_message(trained: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "seqcls", "models", str(trained / "pairs.toml")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 5
    assert done.stderr == (
        "seqcls: seqcls models: No space left on device. "
        "Next: free space on that disk, then run the same command again\n"
    )


FAILURES = [  # what fails, how, whether from then on, at which parts of the road
    ("write", errno.EIO, True, (0.05, 0.9)),
    ("write", errno.EIO, False, (0.6,)),
    ("sync", errno.EIO, False, (0.3, 0.95)),
    ("rename", errno.EIO, False, (0.5,)),
    ("create", errno.EDQUOT, False, (0.8,)),
]


@pytest.mark.fault(
    "F55",
    tried="an error (EIO, EDQUOT) at the Nth write, sync, rename or creation of a file while scoring, once or from "
    "then on, by a library under the process; some N here, every N by `python -m benchmarks.broken_calls`",
    outcome="one message, exit code 5, or the call is repeated; score files of before unchanged; the rerun completes",
)
@pytest.mark.parametrize(("kind", "number", "persist", "shares"), FAILURES)
def test_a_call_that_fails_is_one_message_and_the_rerun_completes(
    kind: str, number: int, persist: bool, shares: tuple[float, ...],
    scored: Path, world: BrokenWorld, nursery: Nursery, tmp_path: Path,
) -> None:  # fmt: skip
    calls = count_calls(nursery, world, kind, scored, tmp_path / "counted")
    refused = 0
    for share in shares:
        config = night_of(scored, tmp_path / str(share))
        refused += try_failing_call(nursery, world, config, (kind, number, persist), 1 + int(share * (calls - 1)))
    assert refused >= 1


@pytest.mark.fault(
    "F55",
    tried="system calls that are interrupted (EINTR) at a write or sync while scoring",
    outcome="the call is made again and the run ends well, or one message and the rerun completes",
)
@pytest.mark.parametrize("kind", ["write", "sync"])
def test_interrupted_calls_are_made_again(
    kind: str, trained: Path, world: BrokenWorld, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    world.fail(kind, errno.EINTR, config.parent, 3)
    command = nursery.run("score", config)
    world.fix()
    assert command.status in (0, 5), command.text
    assert "Traceback" not in command.text
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F56",
    tried="a store whose folders may not be written (by a process without the rights of root)",
    outcome="one message, exit code 5, that names the folder and the permissions; the rerun completes",
)
def test_a_folder_without_permission_is_one_message_and_the_rerun_completes(
    scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    add_night(config)
    folder = config.parent / "store" / "artefacts" / "table"
    folder.chmod(0o500)
    command = [sys.executable, "-m", "seqcls", "score", str(config)]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("running as root, and no setpriv to give its rights up")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    folder.chmod(0o700)
    assert done.returncode == 5, done.stderr
    assert "seqcls: " + str(folder) in done.stderr
    assert "Permission denied" in done.stderr
    assert "Next: fix the permissions" in done.stderr
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()


def a_file(path: Path) -> None:
    path.write_text("I am a file")


def a_link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "at" / "all")


def a_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.fault(
    "F56",
    tried="a file, a broken link or a link to itself where a folder of the store or of the scores should be",
    outcome="one message, exit code 5, that names the path; what is there stays; without it the rerun completes",
)
@pytest.mark.parametrize(
    ("place", "obstacle"),
    [
        ("scores", a_file),
        ("scores", a_loop),
        ("store/artefacts/scores", a_file),
        ("store/artefacts/scores", a_link_to_nowhere),
    ],
)
def test_something_else_in_the_place_of_a_folder_is_named(
    place: str, obstacle: Callable[[Path], None], trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    path = config.parent / place
    obstacle(path)
    message = check_one_message(nursery.run("score", config))
    assert str(path) in message
    assert os.path.lexists(path)
    path.unlink()
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()
