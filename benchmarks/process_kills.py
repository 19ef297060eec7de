"""`seqcls train`, `score` and `score --rescore`, killed with SIGKILL at random moments, alone or two at once.

In: how many kills of which commands. Out: `Tally`. Promise: each trial is a project of its own, killed one to eight
times and then left alone; what is wrong is read from the disk and the ledger (tests/reliability/invariants.py), also
right after a kill.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.reliability.invariants import (
    Books,
    count_final,
    count_ids,
    count_rescored,
    count_visible,
    digests_of,
    model_digests,
)
from tests.reliability.processes import Command, Nursery
from tests.road_data import write_project, write_rows

LONGEST_RUN = 900.0  # seconds; a run takes 5 alone, and much longer on a machine that does other work
NIGHTS = 2  # scored by version 1 before version 2 scores them again


@dataclass(frozen=True)
class Job:
    """What is killed, and the seconds after its start within which it is: alone it ends at about that time."""

    arguments: tuple[str, ...]
    longest: float

    def start(self, nursery: Nursery, config: Path) -> Command:
        return nursery.start(self.arguments[0], config, *self.arguments[1:])


JOBS = {"train": Job(("train",), 1.5), "score": Job(("score",), 0.7), "rescore": Job(("score", "--rescore"), 0.7)}


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    undisturbed: int = 0
    competing: int = 0
    books: Books = field(default_factory=Books)
    failed: list[str] = field(default_factory=list)
    """Output of undisturbed runs that did not end well, or what they made otherwise than they should."""


def write_untrained(folder: Path) -> Path:
    """A project that trains in a second; its pipeline file."""
    config = write_project(folder, rows=120, family="cnn")
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 3").replace("= 40", "= 10"))
    return config


def add_night(config: Path, number: int) -> None:
    name = f"night{number}"
    extra = [[f"{name}-empty", ""], [f"{name}-blank", "  "]]
    write_rows(config.parent / "incoming" / f"{name}.csv", 90, seed=number, labelled=False, extra=extra)


def make_projects(folder: Path, nursery: Nursery, untrained: Path) -> dict[str, Path]:
    """Job -> the project that its trials begin with: without a model; with a champion and a scored night; with scored
    nights and a new champion that has scored nothing."""
    trained = _copy(untrained, folder / "trained")
    _run(nursery, "train", trained)
    _run(nursery, "promote", trained, "--force", "--why", "for the soak")
    add_night(trained, 0)
    _run(nursery, "score", trained)
    history = _copy(trained, folder / "history")
    for number in range(1, NIGHTS):
        add_night(history, number)
    _run(nursery, "score", history)
    history.write_text(history.read_text().replace("epochs = 3", "epochs = 2"))
    _run(nursery, "train", history)
    _run(nursery, "promote", history, "--version", "2", "--force", "--why", "for the soak")
    return {"train": untrained, "score": trained, "rescore": history}


def kill_at_random(
    folder: Path, nursery: Nursery, projects: dict[str, Path], jobs: list[str], kills: int, seconds: float, seed: int
) -> Tally:
    """Trial after trial until there were enough kills, or no time is left."""
    rng, tally = random.Random(f"{seed} {jobs}"), Tally()
    end, number = time.monotonic() + seconds, 0
    wanted = model_digests(projects["score"])
    while tally.kills.total() < kills and time.monotonic() < end:
        number += 1
        name = rng.choice(jobs)
        config = _copy(projects[name], folder / f"trial-{name}-{number}")
        if name == "score":
            add_night(config, number)
        before = digests_of(config) if name == "rescore" else {}
        for _ in range(rng.randint(1, 4)):
            disturb(nursery, name, config, rng, tally)
        settle(nursery, name, config, rng, tally)
        if name == "train":
            if model_digests(config) != wanted:
                tally.failed.append(f"{config}: another model")
        else:
            tally.books += count_final(config) + count_ids(config)
        if name == "rescore":
            tally.books += count_rescored(config, 2)
            if not before.items() <= digests_of(config).items():
                tally.failed.append(f"{config}: a score file of before is gone or changed")
        shutil.rmtree(config.parent)
    return tally


def disturb(nursery: Nursery, name: str, config: Path, rng: random.Random, tally: Tally) -> None:
    """Start one process, or two at once; kill each at a moment of its own; look at what can be seen."""
    job = JOBS[name]
    running: list[Command] = [job.start(nursery, config) for _ in range(2 if rng.random() < 0.25 else 1)]
    tally.competing += len(running) == 2
    began = time.monotonic()
    for moment, process in sorted((rng.uniform(0.0, job.longest), index) for index, process in enumerate(running)):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        running[process].send(signal.SIGKILL)
        status = running[process].wait()
        tally.kills[name] += status == -signal.SIGKILL
        if status not in (0, -signal.SIGKILL):
            tally.failed.append(running[process].text)
    if (config.parent / "store" / "ledger.db").is_file():
        tally.books += count_visible(config)


def settle(nursery: Nursery, name: str, config: Path, rng: random.Random, tally: Tally) -> None:
    """Undisturbed, alone or two at once; then once more, since the last to end may have left work to the other."""
    job = JOBS[name]
    running = [job.start(nursery, config) for _ in range(2 if rng.random() < 0.25 else 1)]
    tally.competing += len(running) == 2
    for process in [*running]:
        process.wait(LONGEST_RUN)
    if len(running) == 2:
        running.append(job.start(nursery, config))
        running[-1].wait(LONGEST_RUN)
    for process in running:
        tally.undisturbed += 1
        if process.status != 0:
            tally.failed.append(process.text)


def _copy(config: Path, folder: Path) -> Path:
    return Path(shutil.copytree(config.parent, folder)) / config.name


def _run(nursery: Nursery, command: str, config: Path, *more: str) -> None:
    done = nursery.run(command, config, *more)
    assert done.status == 0, done.text
