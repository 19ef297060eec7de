"""How many processors are ours, how threads wait, and whether the machine was busy; with the kernel's own files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seqcls.config.train import TrainConfig
from seqcls.processors import allowed
from seqcls.processors.allowed import affinity, most_threads, processors, quota, wanted_threads
from seqcls.processors.load import Watch, busy_words, is_busy
from seqcls.processors.waiting import OF_THE_USER, wait_passively
from seqcls.training.seeding import threads_of

ROOT = Path(__file__).parents[2]
GROUPS = Path("/sys/fs/cgroup")
SILENT = {name: value for name, value in os.environ.items() if name not in {*OF_THE_USER, "OMP_NUM_THREADS"}}
"""An environment whose user said nothing of threads."""
busy_machine = pytest.mark.fault(
    "M02",
    tried="trainings and scoring beside other programs that take all processors, and in containers with a quota",
    outcome="threads sleep while they wait; no more of them than the quota and OMP_NUM_THREADS allow; trainings and "
    "races on a busy machine say so, and such a race is run again when the machine is quiet",
)


def run_python(code: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow
@busy_machine
@pytest.mark.skipif(sys.platform != "linux", reason="it is GNU's OpenMP, which PyTorch brings on Linux, that says it")
@pytest.mark.parametrize("first", ["seqcls.cli", "seqcls_flows.train", "seqcls.training.train"])
def test_every_road_to_pytorch_sets_passive_waiting_before_openmp_is_loaded(first: str) -> None:
    """OpenMP prints what it has read of the environment at the moment it is loaded."""
    environment = SILENT | {"OMP_DISPLAY_ENV": "VERBOSE"}
    done = subprocess.run(
        [sys.executable, "-c", f"import {first}, torch; torch.ones(3) + 1"],
        env=environment, cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    read = re.findall(r"GOMP_SPINCOUNT = '(\w+)'", done.stderr)  # the policy reads PASSIVE where nobody set it, too
    assert read, "OpenMP was not loaded"
    assert set(read) == {"10000"}, "300,000 without our word"


@busy_machine
@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")])
def test_what_the_user_set_stays(name: str, value: str) -> None:
    environment = {name: value}
    wait_passively(environment)
    assert {key: environment[key] for key in environment if key != "OMP_NUM_THREADS"} == {name: value}


@pytest.mark.slow
@busy_machine
def test_with_torch_loaded_first_nothing_is_said_and_nothing_breaks() -> None:
    code = "import torch, seqcls, os; torch.ones(3) + 1; print(os.environ['OMP_WAIT_POLICY'])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=SILENT, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("PASSIVE\n", "")


@contextmanager
def control_group(processors_given: float) -> Iterator[str]:
    """A real control group with a quota; a shell command that joins it."""
    parent = GROUPS / "cpu" if (GROUPS / "cpu").is_dir() else GROUPS
    folder = parent / f"seqcls-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error.strerror})")
    try:
        amount = round(processors_given * 100_000)
        if (folder / "cpu.cfs_quota_us").exists():
            (folder / "cpu.cfs_quota_us").write_text(str(amount))
        elif (folder / "cpu.max").exists():
            (folder / "cpu.max").write_text(f"{amount} 100000")
        else:
            pytest.skip("the control groups of this machine do not limit processors")
        yield f"echo $$ > {folder}/cgroup.procs && exec "
    finally:
        folder.rmdir()


@pytest.mark.slow
@busy_machine
@pytest.mark.skipif(affinity() < 2, reason="one processor: a quota takes nothing away")
def test_the_quota_of_a_real_control_group_is_obeyed_by_torch_and_by_training() -> None:
    code = (
        "import seqcls, torch; from seqcls.processors.allowed import processors, quota; "
        "from seqcls.training.seeding import threads_of; from seqcls.config.train import TrainConfig; "
        "print(quota(), processors(), torch.get_num_threads(), threads_of(TrainConfig()))"
    )
    with control_group(0.5) as join:
        done = subprocess.run(
            ["sh", "-c", f'{join} "$0" -c "$1"', sys.executable, code],
            env=SILENT, cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
    assert done.stdout == "0.5 1 1 1\n"


def proc_files(folder: Path, mountinfo: str, cgroup: str) -> Path:
    (folder / "mountinfo").write_text(mountinfo)
    (folder / "cgroup").write_text(cgroup)
    return folder


@busy_machine
def test_version_two_takes_the_smallest_quota_up_to_the_root(tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    (groups / "pod" / "container").mkdir(parents=True)
    (groups / "pod" / "cpu.max").write_text("150000 100000\n")
    (groups / "pod" / "container" / "cpu.max").write_text("max 100000\n")
    mounts = f"30 23 0:26 / {groups} rw - cgroup2 cgroup2 rw\n25 1 0:2 / /proc rw - proc proc rw\n"
    proc = proc_files(tmp_path, mounts, "0::/pod/container\n")
    assert quota(proc) == 1.5
    (groups / "pod" / "container" / "cpu.max").write_text("50000 100000\n")
    assert quota(proc) == 0.5


@busy_machine
def test_version_one_in_a_container_sees_only_its_own_group(tmp_path: Path) -> None:
    groups = tmp_path / "cpu,cpuacct"
    groups.mkdir()
    (groups / "cpu.cfs_quota_us").write_text("200000\n")
    (groups / "cpu.cfs_period_us").write_text("100000\n")
    mounts = f"33 31 0:30 /docker/abc {groups} ro - cgroup cgroup rw,cpu,cpuacct\n"
    assert quota(proc_files(tmp_path, mounts, "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n")) == 2.0
    (groups / "cpu.cfs_quota_us").write_text("-1\n")
    assert quota(proc_files(tmp_path, mounts, "4:cpu,cpuacct:/docker/abc\n")) is None


@busy_machine
@pytest.mark.parametrize("content", ["", "nonsense", "0 0", "-5 100"])
def test_files_that_cannot_be_understood_limit_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert quota(proc_files(tmp_path, f"30 23 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n", "0::/\n")) is None
    assert quota(tmp_path / "nowhere") is None


@busy_machine
def test_a_part_of_a_processor_counts_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowed, "affinity", lambda: 8)
    for limit, given in ((0.5, 1), (1.5, 2), (3.0, 3), (64.0, 8), (None, 8)):
        monkeypatch.setattr(allowed, "quota", lambda limit=limit: limit)
        assert processors() == given


@busy_machine
def test_training_takes_no_more_threads_than_omp_num_threads_unless_the_config_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(allowed, "processors", lambda: 8)
    for text, wanted in (("3", 3), ("4,2", 4), ("0", None), ("many", None), ("", None)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert wanted_threads() == wanted
        assert threads_of(TrainConfig()) == (wanted or 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (most_threads(sharing=2), most_threads(sharing=4), threads_of(TrainConfig(threads=6))) == (3, 2, 6)


@pytest.mark.slow
@busy_machine
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel says it on Linux only")
def test_a_thread_that_has_to_share_its_processor_is_seen_to_wait() -> None:
    """Beside three programs on one processor: it waits three quarters of the time, whatever else the machine does."""
    found = run_beside_others(
        "from seqcls.processors.load import Watch",
        "watch = Watch(); sum(range(20_000_000)); print(watch.waited())",
    )
    assert float(found) > 0.3


@pytest.mark.slow
@busy_machine
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel says it on Linux only")
def test_a_training_that_was_slowed_down_by_others_says_so(tmp_path: Path) -> None:
    found = run_beside_others(
        "from pathlib import Path; from seqcls.training.train import train; from seqcls.store.artefacts import "
        "ArtefactStore; from tests.recorder import Recorder; "
        "from tests.seqcls.training_examples import FAMILIES, make_encoded, make_pipeline; "
        f"folder = Path({str(tmp_path)!r}); rows = make_encoded(folder); cnn = make_pipeline(FAMILIES['cnn'], {{}})",
        "heard = Recorder(); train(rows, cnn, ArtefactStore(folder), listener=heard); print(*heard.notes)",
    )
    assert re.fullmatch(
        r"training took longer: the machine was busy, threads waited for a processor \d\d% of the time", found
    )


def run_beside_others(before: str, code: str) -> str:
    """What `code` prints beside three programs that compute on the same processor, once `before` has run."""
    lines = f"""
import os, subprocess, sys
{before}
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
try:
    {code}
finally:
    for other in others:
        other.kill()
        other.wait()
"""
    return run_python(lines, SILENT)


@busy_machine
def test_threads_are_compared_with_themselves_and_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    def clock(thread: int, text: str) -> None:
        (tmp_path / str(thread)).mkdir(exist_ok=True)
        (tmp_path / str(thread) / "schedstat").write_text(text)

    clock(1, "1000 5000 9")  # it waited long before
    watch = Watch(tmp_path)
    assert watch.waited() is None, "nothing has run since"
    clock(1, "1600 5100 9")
    clock(2, "100 200 1")  # began since
    clock(3, "gone")
    assert watch.waited() == pytest.approx(300 / 1000)
    assert busy_words(watch.waited()) == "; the machine was busy: threads waited for a processor 30% of the time"
    assert [is_busy(waited) for waited in (None, 0.0, 0.1, 0.11)] == [False, False, False, True]
    assert busy_words(0.05) == busy_words(None) == ""
