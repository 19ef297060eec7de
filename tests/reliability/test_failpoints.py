"""Killed at every named point, twice in a row, then left alone: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.store.failpoints import POINTS
from tests.reliability.invariants import (
    Books,
    count_final,
    count_ids,
    count_rescored,
    count_visible,
    digests_of,
    model_digests,
)
from tests.reliability.processes import Nursery

# point -> the commands that pass it
SCENARIOS: dict[str, tuple[str, ...]] = {
    "artefact_begun": ("train", "score"),
    "artefact_written": ("train", "score", "rescore"),
    "artefact_published": ("train", "score"),
    "artefact_condemned": ("gc",),
    "shard_written": ("train", "score"),
    "stage_recorded": ("train", "score"),
    "checkpoint_tensors_written": ("train",),
    "checkpoint_written": ("train",),
    "epoch_ended": ("train",),
    "step_ended": ("train",),
    "model_registered": ("train",),
    "move_written": ("train",),
    "promotion_decided": ("train",),
    "alias_set": ("train",),
    "input_seen": ("score",),
    "input_opened": ("score",),
    "rescoring_opened": ("rescore",),
    "input_closed": ("score", "rescore"),
    "chunk_claimed": ("score", "rescore"),
    "chunk_scored": ("score", "rescore"),
    "chunk_committed": ("score", "rescore"),
    "scores_copied": ("score", "rescore"),
    "scores_published": ("score", "rescore"),
    "current_written": ("score", "rescore"),
    "current_listed": ("score", "rescore"),
    "sightings_written": ("score",),
    "run_recorded": ("train", "score", "rescore"),
    "ledger_saved": ("doctor",),
    "ledger_rebuilt": ("doctor",),
    "rows_released": ("gc",),
}
SEARCHES = frozenset({"trial_committed", "search_decided"})  # passed by family = "auto" alone
READERS = frozenset({"chunks_listed"})  # of commands that write nothing
OPTIONS = {"gc": ("--age", "0"), "doctor": ("--repair",), "rescore": ("--rescore",)}


def test_every_failpoint_has_a_scenario() -> None:
    assert set(SCENARIOS) | SEARCHES | READERS == POINTS


def test_every_failpoint_stands_on_the_road() -> None:
    code = "".join(path.read_text() for path in (Path(__file__).parents[2] / "seqcls").rglob("*.py"))
    assert [point for point in POINTS if f'failpoint("{point}")' not in code] == []


@pytest.mark.fault(
    "F59",
    tried="SIGKILL at each named point of train, score, gc and doctor --repair, twice in a row",
    outcome="nothing lost, twice or half visible; the third run ends well, a training with undisturbed weights",
)
@pytest.mark.parametrize(
    ("command", "point"), [(command, point) for point in sorted(POINTS) for command in SCENARIOS.get(point, ())]
)
def test_killed_twice_at_a_point_the_next_run_ends_well(
    command: str,
    point: str,
    untrained: Path,
    trained: Path,
    scored: Path,
    promoted: Path,
    nursery: Nursery,
    copy: Callable[[Path], Path],
) -> None:
    config = copy({"train": untrained, "score": trained, "rescore": promoted}.get(command, scored))
    before = digests_of(config) if command == "rescore" else {}
    if command == "doctor":
        (config.parent / "store" / "ledger.db").write_bytes(b"no database any more" * 300)
    arguments = ("score" if command == "rescore" else command, config, *OPTIONS.get(command, ()))
    first = nursery.run(*arguments, failpoint=f"{point}=kill")
    assert first.status == -signal.SIGKILL, first.text
    if command != "doctor":
        assert count_visible(config) == Books()
    second = nursery.run(*arguments, failpoint=f"{point}=kill")
    assert second.status in (-signal.SIGKILL, 0), second.text
    last = nursery.run(*arguments)
    assert last.status == 0, last.text
    if command == "train":
        assert model_digests(config) == model_digests(trained / "pairs.toml")
        assert not list((config.parent / "store" / "checkpoints").glob("*"))
    else:
        if command in ("score", "rescore"):
            assert count_final(config) == Books(), "the command by itself clears what its killed runs left"
        after = nursery.run("score", config)
        assert after.status == 0, after.text
        assert count_final(config) == Books()
        assert count_ids(config) == Books()
    if command == "rescore":
        assert before.items() <= digests_of(config).items()
        assert count_rescored(config, 2) == Books()


@pytest.mark.parametrize("point", sorted(SEARCHES))
def test_a_search_killed_twice_at_a_point_ends_with_a_model(
    point: str, untrained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(untrained)
    auto = 'family = "auto"\ncandidates = ["ngrams"]'
    config.write_text(config.read_text().replace('family = "cnn"\nembedding = 16', auto))
    first = nursery.run("train", config, failpoint=f"{point}=kill")
    assert first.status == -signal.SIGKILL, first.text
    assert count_visible(config) == Books()
    second = nursery.run("train", config, failpoint=f"{point}=kill")
    assert second.status in (-signal.SIGKILL, 0), second.text
    last = nursery.run("train", config)
    assert last.status == 0, last.text
    assert "pairs@v1" in last.text
    assert not list((config.parent / "store" / "search").glob("*")), "what a search kept for going on is cleared"


@pytest.mark.parametrize(
    ("command", "point"),
    [pytest.param("train", "checkpoint_written", marks=pytest.mark.soak), ("score", "chunk_committed")],
)
def test_the_installed_command_is_killed_and_goes_on(
    command: str, point: str, untrained: Path, trained: Path, copy: Callable[[Path], Path]
) -> None:
    """As the tests above, but with nothing imported beforehand: what a user starts."""
    config = copy(untrained if command == "train" else trained)
    call = [sys.executable, "-m", "seqcls", command, str(config)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(call, env={**environment, "SEQCLS_FAILPOINT": f"{point}=kill@2"}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert count_visible(config) == Books()
    done = subprocess.run(call, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if command == "train":
        assert model_digests(config) == model_digests(trained / "pairs.toml")
    else:
        assert count_final(config) == Books()
