"""Scoring with one system call that fails: the promise, as the tests and `benchmarks.broken_calls` check it.

In: a scored project and an order for the `BrokenWorld`. Out: whether the run refused. Promise: one message or an
undisturbed end; what was visible stays byte for byte; the same command completes afterwards and the books balance.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.faults.broken_world import BrokenWorld
from tests.reliability.invariants import Books, count_final, count_visible, visible_files
from tests.reliability.processes import Command, Nursery
from tests.road_data import write_rows


def add_night(config: Path) -> None:
    write_rows(config.parent / "incoming" / "second.csv", 60, seed=5, labelled=False, extra=[["empty-3", ""]])


def published(config: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in visible_files(config.parent)}


def check_one_message(command: Command) -> str:
    lines = [line for line in command.text.splitlines() if line.startswith("seqcls: ")]
    assert command.status == 5, command.text
    assert len(lines) == 1, command.text
    assert "Traceback" not in command.text
    assert "Next: " in lines[0]
    return lines[0]


def night_of(scored: Path, place: Path) -> Path:
    """A copy of the scored project with new data; its pipeline file."""
    config = Path(shutil.copytree(scored, place)) / "pairs.toml"
    add_night(config)
    return config


def count_calls(nursery: Nursery, world: BrokenWorld, kind: str, scored: Path, place: Path) -> int:
    """How many calls of a kind one undisturbed scoring makes."""
    config = night_of(scored, place)
    world.start_counting(kind, place)
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    world.fix()
    assert world.counted() > 3
    return world.counted()


def try_failing_call(
    nursery: Nursery, world: BrokenWorld, config: Path, failure: tuple[str, int, bool], nth: int
) -> bool:
    """Score with a call that fails, check the promise, score again; whether the first run refused."""
    kind, number, persist = failure
    before = published(config)
    world.fail(kind, number, config.parent, nth, persist=persist)
    command = nursery.run("score", config)
    world.fix()
    if command.status != 0:
        check_one_message(command)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert count_visible(config) == Books()
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()
    return command.status != 0
