"""Processes that train one network: shares, exchange, gradients; errors, kills and interrupts in one end all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.model import families_trained
from seqcls.config.train import TrainConfig
from seqcls.distributed.process_group import ALONE, Team
from seqcls.distributed.ranks import check_processes, launched_place
from seqcls.errors import (
    BudgetExceeded,
    CheckBroken,
    ConfigRefused,
    Corrupted,
    DataRefused,
    GateRefused,
    SeqclsError,
)
from seqcls.processors import allowed
from seqcls.training import carried, processes
from seqcls.training.seeding import seed_of, threads_of
from tests.seqcls.encoded_examples import SPECS
from tests.seqcls.team_examples import HERE
from tests.seqcls.test_models import batch_of

LAUNCHED = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1"}


def work(name: str, *, size: int = 2, **arguments: object) -> object:
    """One of team_examples.py, in several processes; what the first of them tells is in `heard`."""
    heard.clear()
    return processes.work_together(size, f"{HERE}:{name}", arguments, lambda *told: heard.append(told))


heard: list[tuple[str, object]] = []


@settings(deadline=None)
@given(size=st.integers(2, 5), rows=st.integers(1, 11), form=st.sampled_from(sorted(SPECS)))
def test_the_shares_of_a_batch_are_the_batch(size: int, rows: int, form: str) -> None:
    batch = batch_of(SPECS[form], rows)
    teams = [Team(rank, size) for rank in range(size)]
    assert all(len(team.share(batch)) > 0 for team in teams), "an empty batch would be no step"
    shares = [team.share(batch) for team in teams if team.has_rows(batch)]
    order = np.argsort(torch.cat([share.rows for share in shares]).numpy(), kind="stable")
    for name in ("rows", "tokens", "values", "observed", "lengths", "labels"):
        parts, whole = [getattr(share, name) for share in shares], getattr(batch, name)
        if whole is None:
            assert parts == [None] * len(shares)
        else:
            assert torch.equal(torch.cat(parts)[torch.from_numpy(order)], whole)
            assert all(part.is_contiguous() for part in parts)


def test_a_process_alone_keeps_its_batch_and_its_numbers() -> None:
    batch, numbers = batch_of(SPECS["tokens"]), torch.tensor([1.5])
    assert ALONE.share(batch) is batch
    assert ALONE.total(numbers) is numbers
    assert ALONE.texts("a") == ["a"]
    assert [ALONE.agreed(wish) for wish in (True, False)] == [True, False]
    model = torch.nn.Linear(1, 1)
    assert ALONE.wrap(model) is model


def test_what_processes_exchange_is_the_same_for_all() -> None:
    found = work("exchange", size=3)
    assert isinstance(found, dict)
    assert re.match(r".*weights \w{12} in process 1, \w{12} in process 2; expected the same", found.pop("weights"))
    assert found == {
        "total": [1.5, 3.0],
        "largest": [2, 0],
        "agreed": [True, False],
        "gathered": [[0], [10], [20]],
        "texts": ["größer", "", ""],
        "mean": [1.0, 1.0],
    }
    assert heard == [("greeting", "from the first")] * 3


def test_two_processes_find_the_gradient_of_one_in_every_family() -> None:
    found = work("gradients", batches={"missing": 7, "tokens": 1})  # of one row, one process has none
    assert isinstance(found, dict)
    assert len(found) == 2 * len(families_trained("epochs")) - 1
    for family, (size, from_one, between) in found.items():
        assert between == 0, family
        assert size > 1e-3, family
        # Batch normalisation takes the mean and variance of each process's rows: then the gradient is another.
        if family.split()[1] not in ("cnn", "hybrid", "inception", "lite", "resnet", "attention"):
            assert from_one < 1e-5 * max(size, 1), family


def test_an_error_of_ours_in_one_process_arrives_as_it_was_raised() -> None:
    with pytest.raises(DataRefused) as caught:
        work("fail", rank=1, how="ours")
    assert str(caught.value) == "rows.csv:8: row 7 is odd; expected an even row. Next: fix it"


def test_any_other_error_is_a_bug_with_its_traceback() -> None:
    with pytest.raises(CheckBroken, match="process 2 of 2: ZeroDivisionError: a bug") as caught:
        work("fail", rank=1, how="bug")
    assert 'raise ZeroDivisionError("a bug")' in caught.value.__notes__[0]


@pytest.mark.parametrize("kind", [ConfigRefused, BudgetExceeded, GateRefused, CheckBroken, Corrupted])
def test_an_error_of_any_kind_is_the_same_after_the_journey(kind: type[SeqclsError]) -> None:
    error = kind("found", where="a:1", expected="more", next_step="go on")
    again = carried.unpack_error(carried.pack_error(error), "process 1 of 2")
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert isinstance(again, SeqclsError)
    assert (again.exit_code, again.retryable) == (error.exit_code, error.retryable)


def test_an_error_of_the_operating_system_keeps_its_number_and_file() -> None:
    packed = carried.pack_error(OSError(28, "No space left on device", Path("/a/b")))
    again = carried.unpack_error(packed, "process 1 of 2")
    assert isinstance(again, OSError)
    assert (again.errno, again.filename) == (28, "/a/b")


def test_a_process_takes_its_part_of_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    monkeypatch.setattr(allowed, "quota", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_of(TrainConfig(processes=n)) for n in (1, 2, 9)] == [7, 3, 1]
    assert threads_of(TrainConfig(processes=2, threads=5)) == 5
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    assert threads_of(TrainConfig(processes=4)) == 3, "two of the four processes are on this machine"


def test_processes_draw_different_dropout_from_one_seed() -> None:
    assert seed_of(5, 0) == 5
    assert len({seed_of(5, rank) for rank in range(8)}) == 8


def test_a_launcher_and_the_config_must_name_the_same_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    place = launched_place()
    assert place is not None
    assert (place.rank, place.size, place.local_rank, place.local_size) == (1, 4, 1, 2)
    check_processes(TrainConfig(processes=4))
    with pytest.raises(
        ConfigRefused, match=r"train\.processes: 1, but a launcher started 4 .* set train\.processes = 4"
    ):
        check_processes(TrainConfig())
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ConfigRefused, match=r"environment variable WORLD_SIZE: 'many'; expected a whole number"):
        launched_place()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched_place() is None


def test_without_fabric_several_processes_are_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)  # what Python itself does with a package to be hidden
    check_processes(TrainConfig())
    with pytest.raises(ConfigRefused, match=r"Fabric is not installed.*pip install 'seqcls\[distributed\]'"):
        check_processes(TrainConfig(processes=2))


def test_processes_listen_on_loopback_and_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    code = (
        "from seqcls.training.processes import work_together\n"
        f"work_together(2, {HERE + ':stay'!r}, {{'folder': {str(tmp_path)!r}}}, print)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2])
    try:
        wait_until(lambda: len(list(tmp_path.glob("*.json"))) == 2, 60)
    finally:
        parent.kill()
        parent.wait()
    members = [json.loads(path.read_bytes()) for path in tmp_path.glob("*.json")]
    addresses = [address for member in members for address in member["listens"]]
    assert addresses
    assert set(addresses) <= {"127.0.0.1", "::1"}
    wait_until(lambda: not any(is_running(member["pid"]) for member in members), 5)


def test_an_interrupt_here_leaves_no_process(tmp_path: Path) -> None:
    def interrupt(subject: str, what: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.work_together(2, f"{HERE}:stay", {"folder": str(tmp_path)}, interrupt)
    members = [json.loads(path.read_bytes()) for path in tmp_path.glob("*.json")]
    assert len(members) == 2
    assert not any(is_running(member["pid"]) for member in members)


def wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """A zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False
