"""One lane of kills through Prefect: a worker with deployments of its own, whose runs are killed and then left alone.

In: a running `Stack`, a project for each job, a `Tally` shared by all lanes. Out: the tally. Promise: each trial is a
copy of its project; it is killed one to three times, the end that the server gives each killed run is awaited, and
the next run must be Completed, with the model of an undisturbed training or balanced books.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.flows.stack import FINAL, Stack, kill_run, processes_of
from tests.reliability.invariants import Books, count_final, count_ids, count_visible, model_digests
from tests.road_data import write_rows

STARTING = timedelta(seconds=240)  # in place of ten minutes, by the same setting, so that nobody waits that long
PATIENCE = 900.0  # for one run to end; on a busy machine it is slow
GRACE = 120.0  # beyond the windows, until the next run is begun although the killed one has not ended
TRIES = 4  # runs until one is Completed: the server may be killed under any of them


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    """How the killed runs ended."""
    longest: float = 0.0
    """Seconds from a kill of worker and process to the end of the run, at most."""
    completed: int = 0
    found_by_the_next: int = 0
    """Runs that the automations missed and the next run ended."""
    taken_over_late: int = 0
    """Undisturbed runs that the server's end spoilt: the one after them completed."""
    books: Books = field(default_factory=Books)
    revived: int = 0
    """Workers that ended by themselves and were started again, as a supervisor does."""
    failed: list[str] = field(default_factory=list)
    running: int = 0
    """Runs that are neither ended nor being executed."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Lane:
    """One worker with its pool, and the deployments that use it."""

    stack: Stack
    number: int
    rng: random.Random
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 15.0, "score": 10.0})
    """From Running to the end of the last undisturbed run of each kind."""

    @property
    def pool(self) -> str:
        return f"lane{self.number}"


def work_lane(
    lane: Lane, templates: dict[str, Path], wanted: list[str], kills: int, deadline: float, tally: Tally
) -> None:
    """Trial after trial: killed a few times, then left alone, then compared."""
    number = 0
    while sum(count for how, count in tally.kills.items() if how != "server") < kills and time.monotonic() < deadline:
        number += 1
        job = lane.rng.choice(["train", "score", "score"])
        folder = lane.stack.project / f"{lane.pool}-{number}"
        config = Path(shutil.copytree(templates[job].parent, folder)) / templates[job].name
        write_rows(folder / "incoming" / f"{number}.csv", 90, seed=number, labelled=False, extra=[["empty", ""]])
        for _ in range(lane.rng.randint(1, 3)):
            disturb(lane, job, config, tally)
        books = settle(lane, job, config, tally)
        with tally.lock:
            tally.books += books
            if job == "train" and model_digests(config) != wanted:
                tally.failed.append(f"{config}: another model")
        shutil.rmtree(folder)


def disturb(lane: Lane, job: str, config: Path, tally: Tally) -> None:
    """Start a run, kill at a random moment, wait for the end that the server gives it."""
    stack, how = lane.stack, lane.rng.choice(["process", "process", "worker", "both", "both"])
    run = stack.begin(f"{job}/{lane.pool}", str(config.relative_to(stack.project)))
    wait_until_begun(stack, run, running=lane.rng.random() < 0.75)
    time.sleep(lane.rng.uniform(0.0, lane.seconds[job]))
    alive = bool(processes_of(run))
    if how in ("worker", "both"):
        stack.kill(lane.pool)
    if how in ("process", "both"):
        kill_run(run)
    killed = time.monotonic()
    if how in ("worker", "both"):
        stack.start_worker(lane.pool)
    while (state := stack.state(run))["type"] not in FINAL:
        # Who goes on (a worker alone was killed) may take its time; who is dead is waited for no longer than promised.
        if time.monotonic() - killed > (PATIENCE if processes_of(run) else STARTING.seconds + GRACE):
            break
        time.sleep(0.5)
    after = time.monotonic() - killed
    with tally.lock:
        tally.kills[how] += alive or how != "process"
        tally.ended[f"{how}: {state['type'].title() if state['type'] in FINAL else 'left to the next run'}"] += 1
        if how == "both" and state["type"] == "CRASHED":
            tally.longest = max(tally.longest, after)
        if (config.parent / "store" / "ledger.db").is_file():
            tally.books += count_visible(config)
    print(f"{lane.pool} {job} {how}: {state['type']} after {after:.0f} s: {state['message']}", flush=True)


def wait_until_begun(stack: Stack, run: str, *, running: bool) -> None:
    """Until the run has a process, or until that process says that it is Running."""
    began = time.monotonic()
    while (state := stack.state(run)["type"]) not in FINAL:
        if state == "RUNNING" or (processes_of(run) and not running):
            return
        assert time.monotonic() - began < PATIENCE, f"{run} was never begun: {stack.last_words()}"
        time.sleep(0.2)


def settle(lane: Lane, job: str, config: Path, tally: Tally) -> Books:
    """The next run, undisturbed by this lane; another one where the server was killed under it."""
    for _ in range(TRIES):
        began = time.monotonic()
        run = lane.stack.begin(f"{job}/{lane.pool}", str(config.relative_to(lane.stack.project)))
        state = lane.stack.wait(run, patience=PATIENCE)
        print(f"{lane.pool} {job} left alone: {state['type']} after {time.monotonic() - began:.0f} s", flush=True)
        with tally.lock:
            tally.completed += state["type"] == "COMPLETED"
            tally.taken_over_late += state["type"] != "COMPLETED"
        if state["type"] == "COMPLETED":
            lane.seconds[job] = float(lane.stack.ask("GET", f"/flow_runs/{run}")["total_run_time"])
            return count_final(config) + count_ids(config) if job == "score" else count_visible(config)
    with tally.lock:
        tally.failed.append(f"{config}: not Completed in {TRIES} runs: {state['message']}")
    return Books()
