"""Too little memory, too few files, too few threads: one message, exit code 5, and the rerun completes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import seqcls.store.memory
from seqcls.cli import main
from seqcls.errors import WorldFailed
from seqcls.store.memory import enough_memory
from tests.reliability.invariants import Books, count_final, count_visible, model_digests
from tests.reliability.processes import Command, Nursery

MEGABYTE = 1_000_000
THREADS = 90 * MEGABYTE  # stacks of the threads that each stage tries, 8 MiB each
CGROUPS = Path("/sys/fs/cgroup")


def limit_above(nursery: Nursery, megabytes: int) -> dict[str, int]:
    """RLIMIT_DATA: so much beyond what a command has at its start."""
    nursery.run("--version")  # it answers when all is imported
    found = re.search(r"VmData:\s+(\d+) kB", Path(f"/proc/{nursery.process.pid}/status").read_text())
    assert found
    return {"RLIMIT_DATA": int(found[1]) * 1024 + THREADS + megabytes * MEGABYTE}


def check_one_message(command: Command, *words: str) -> None:
    lines = [line for line in command.text.splitlines() if line.startswith("seqcls: ")]
    assert command.status == 5, command.text
    assert len(lines) == 1, command.text
    assert "Traceback" not in command.text
    for word in (*words, "Next: "):
        assert word in lines[0]


@pytest.fixture(scope="module")
def wide(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pipeline whose batches need some 100 MB: a batch of all rows, 32,000 numbers for each word."""
    config = Path(shutil.copytree(untrained, tmp_path_factory.mktemp("wide") / "project")) / "pairs.toml"
    text = config.read_text().replace("embedding = 16", "embedding = 32000\nfilters = [4]")
    text = text.replace("epochs = 3", "epochs = 1\nbatch_size = 512")
    config.write_text(text.replace("chunk_rows = 40", "chunk_rows = 90\nbatch_size = 512"))
    return config


@pytest.mark.fault(
    "F57",
    tried="training, then scoring, under a limit on memory that a batch does not fit under (RLIMIT_DATA)",
    outcome="one message that names the batch size and the memory, exit code 5; more memory completes it",
)
def test_too_little_memory_names_the_batch_size_and_the_rerun_completes(wide: Path, nursery: Nursery) -> None:
    short = nursery.run("train", wide, limits=limit_above(nursery, 40))
    check_one_message(short, "stage train", "not enough memory", "train.batch_size", "more memory")
    assert count_visible(wide) == Books()
    assert nursery.run("train", wide).status == 0
    assert nursery.run("promote", wide, "--force", "--why", "test").status == 0
    # From about 70 on there is room for the batch.
    short = nursery.run("score", wide, limits=limit_above(nursery, 36))
    check_one_message(short, "scoring", "not enough memory", "score.batch_size", "more memory")
    assert count_visible(wide) == Books()
    assert nursery.run("score", wide).status == 0
    assert count_final(wide) == Books()


def test_two_blocks_at_once_try_their_threads_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is read ahead while the one before is scored: together they would ask for twice the stacks."""
    trying, most = list[str](), list[int]()

    def watched(doing: str, wanted: int) -> None:
        trying.append(doing)
        time.sleep(0.1)
        most.append(len(trying))
        trying.remove(doing)

    monkeypatch.setattr(seqcls.store.memory, "_start_threads", watched)

    def block(name: str) -> None:
        with enough_memory(name, "do less"):
            pass

    threads = [threading.Thread(target=block, args=(name,)) for name in ("scoring", "reading ahead")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert most == [1, 1]


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group of 1 MB of memory."""
    first = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line), "")
    parent = CGROUPS / "memory" / first.rpartition(":")[2].lstrip("/") if first else CGROUPS
    group = parent / f"seqcls-test-{os.getpid()}"
    try:
        group.mkdir()
        limit = next(group / name for name in ("memory.limit_in_bytes", "memory.max") if (group / name).exists())
        limit.write_text(str(MEGABYTE))
    except (OSError, StopIteration) as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no control group of our own: {error!r}")
    yield group
    group.rmdir()


@pytest.mark.fault(
    "F57",
    tried="a training that the kernel ends for lack of memory (a control group of 1 MB)",
    outcome="the next run goes on from the checkpoint, to the weights of an undisturbed training",
)
def test_a_training_that_the_kernel_ends_goes_on_from_its_checkpoint(
    small_group: Path, untrained: Path, nursery: Nursery, tmp_path: Path
) -> None:
    configs = [Path(shutil.copytree(untrained, tmp_path / name)) / "pairs.toml" for name in ("killed", "undisturbed")]
    for config in configs:  # a checkpoint is one block, too large for what the process may have freed and kept (32 MiB)
        config.write_text(config.read_text().replace("embedding = 16", "embedding = 32000\nfilters = [16]"))
    command = nursery.start("train", configs[0], failpoint="epoch_ended=stop@2")
    command.wait_until_stopped()
    (small_group / "cgroup.procs").write_text(str(command.pid))
    command.send(signal.SIGCONT)
    assert command.wait() == -signal.SIGKILL, command.text
    assert list((tmp_path / "killed" / "store" / "checkpoints").glob("*/000001-*.json")), "epoch 1 is safe"
    assert count_visible(configs[0]) == Books()
    for config in configs:
        done = nursery.run("train", config)
        assert done.status == 0, done.text
    assert model_digests(configs[0]) == model_digests(configs[1])


@pytest.mark.fault(
    "F58",
    tried="scoring new data with a limit of 4 to 10 open files (RLIMIT_NOFILE)",
    outcome="one message, exit code 5, that names the limit or the file; nothing is lost, the rerun completes",
)
def test_too_few_open_files_are_one_message_and_the_rerun_completes(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    refused = 0
    for files in (4, 5, 6, 7, 8, 10):
        command = nursery.run("score", config, limits={"RLIMIT_NOFILE": files})
        if command.status:
            refused += 1
            check_one_message(command)
            assert "open files" in command.text or "unable to open database file" in command.text
        assert count_visible(config) == Books()
    assert refused >= 1
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F58",
    tried="a stage for whose threads there is no room (RLIMIT_DATA below their stacks)",
    outcome="one message with the threads that could be started and those wanted, exit code 5; the rerun completes",
)
def test_too_few_threads_are_one_message_and_the_rerun_completes(
    untrained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(untrained)
    limits = {"RLIMIT_DATA": limit_above(nursery, 0)["RLIMIT_DATA"] - THREADS + 20 * MEGABYTE}
    short = nursery.run("train", config, limits=limits)
    check_one_message(short, "threads can be started", "stage ingest", "ulimit -u")
    assert count_visible(config) == Books()
    assert nursery.run("train", config).status == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
    ],
    ids=["python", "torch", "cuda", "system", "thread"],
)
def test_each_way_to_say_that_memory_ran_out_is_understood(error: Exception) -> None:
    with pytest.raises(WorldFailed, match="not enough memory") as caught, enough_memory("here", "less"):
        raise error
    assert caught.value.next_step.startswith("less, or give the run more memory")


def test_memory_that_ends_while_a_chunk_is_read_is_one_message_and_the_rerun_completes(
    trained: Path, copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = copy(trained)

    def read_one(*_: object, **__: object) -> Iterator[pa.Table]:
        raise pa.ArrowMemoryError("malloc of size 64000000 failed")
        yield

    with monkeypatch.context() as patch:
        patch.setattr("seqcls.scoring.chunks.iterate", read_one)
        assert main(["score", str(config)]) == 5
    shown = capsys.readouterr().err
    assert "not enough memory (malloc of size 64000000 failed)" in shown
    assert "lower score.chunk_rows, or give the run more memory" in shown
    assert "Traceback" not in shown
    assert main(["score", str(config)]) == 0
    assert count_final(config) == Books()


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), enough_memory("here", "less"):
        raise RuntimeError("shapes differ")
