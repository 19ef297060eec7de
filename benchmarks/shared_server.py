"""A server that is shared with other people, for as long as one likes: none of their runs is touched.

`python -m benchmarks.shared_server [--minutes 60] [--seed 0]`: `make server`, `make deploy` and `make worker` on a free
port. Of others: a process that sleeps in a flow called `train` without heartbeats, and a run that waits in Pending. Of
ours: a training that was suspended in the UI. Beside them our flows train and score, are killed and are cancelled,
again and again. Each round prints what became of its run. Exit code 1 when a run of others, or the suspended one, is
anything but what it was, or when the suspended one cannot be resumed in the end.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.flows.stack import Stack, copy_project, kill_run
from tests.reliability.invariants import Books, count_final, count_visible
from tests.road_data import write_project, write_rows

THEIRS = """
import sys, time
from prefect import flow

@flow(name="train")
def sleeper():
    time.sleep(float(sys.argv[1]))

sleeper()
"""
HOWS = ("left alone", "killed", "killed with its worker", "cancelled")
PATIENCE = 900.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home, project = Path(name) / "prefect", Path(name) / "project"
        for folder in (home, project):
            folder.mkdir()
        with Stack(home, copy_project(project)) as stack:
            return share(stack, options.minutes, random.Random(options.seed))


def share(stack: Stack, minutes: float, rng: random.Random) -> int:
    """Everything at once; the number of faults as an exit code."""
    stack.start_server()
    stack.deploy()
    stack.start_worker("seqcls")
    config = write_project(
        stack.project / "shared", rows=120, family="cnn", more="[promote]\nevery_class_predicted = false\n"
    )
    seconds = 60 * minutes
    theirs = subprocess.Popen(
        [sys.executable, "-c", THEIRS, str(seconds + PATIENCE)],
        env=stack.env | {"PREFECT_API_AUTH_STRING": stack.password}, start_new_session=True,
    )  # fmt: skip
    try:
        watched = {sleeping_run(stack): "Running", stack.add_run("train", "PENDING", ["theirs"]): "Pending"}
        suspended = suspend_one(stack, minutes)
        watched[suspended] = "Suspended"
        tally, end = Counter[str](), time.monotonic() + seconds
        while time.monotonic() < end:
            tally += play_round(stack, config, rng, sum(tally.values()))
            touched = {run: stack.state(run) for run, name in watched.items() if stack.state(run)["name"] != name}
            if touched:
                print(f"TOUCHED: {touched}")
                return 1
        print(
            f"{sum(tally.values())} rounds: {dict(tally)}; the runs of others and the suspended one are what they were"
        )
        stack.ask("POST", f"/flow_runs/{suspended}/resume", {})
        state = stack.wait(suspended, patience=PATIENCE)
        print(f"the suspended run, resumed: {state['name']}")
        play_round(stack, config, rng, 1_000_000, "score", "left alone")
        books = count_final(config)
        print(f"books: {books}")
        return int(state["type"] != "COMPLETED" or books != Books())
    finally:
        theirs.kill()
        theirs.wait()


def sleeping_run(stack: Stack) -> str:
    """The id of the run of others, once its process has begun it."""
    body = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
    end = time.monotonic() + PATIENCE
    while not (found := stack.ask("POST", "/flow_runs/filter", body)):
        assert time.monotonic() < end, "the flow of others does not begin"
        time.sleep(1.0)
    return str(found[0]["id"])


def suspend_one(stack: Stack, minutes: float) -> str:
    """A training of ours, suspended while it trains; its process has left."""
    other = write_project(stack.project / "suspended", rows=120, family="cnn")
    run = stack.begin("train/manual", str(other.relative_to(stack.project)), "epoch_ended=stop")
    stopped = stack.wait_until_stopped(run)
    stack.suspend(run, minutes + PATIENCE / 60)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    stack.wait_until_left(run)
    return run


def play_round(
    stack: Stack, config: Path, rng: random.Random, number: int, job: str = "", how: str = ""
) -> Counter[str]:
    """One run of ours, and what is done to it; it ends, and the books are whole at every moment."""
    job = job or ("train" if number == 0 else rng.choice(["train", "score", "score"]))
    how = how or ("left alone" if number == 0 else rng.choice(HOWS))
    if job == "score":
        write_rows(config.parent / "incoming" / f"{number}.csv", 90, seed=number, labelled=False)
    else:
        config.write_text(re.sub("epochs = .*", f"epochs = {8 + number}", config.read_text()))  # so that it does train
    name = f"{job}/{'manual' if job == 'train' else 'nightly'}"
    run = stack.begin(name, str(config.relative_to(stack.project)))
    stack.wait(run, ("RUNNING", "COMPLETED", "FAILED"), PATIENCE)
    time.sleep(rng.uniform(0.0, 15.0) if how != "left alone" else 0.0)
    if how == "killed with its worker":
        stack.kill("seqcls")
    if how.startswith("killed"):
        kill_run(run)
    if how == "killed with its worker":
        stack.start_worker("seqcls")
    if how == "cancelled" and stack.state(run)["type"] == "RUNNING":
        stack.ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    state = stack.wait(run, patience=PATIENCE)
    assert count_visible(config) == Books()
    print(f"{number}: {job} {how}: {state['name']}", flush=True)
    return Counter({f"{job} {how}: {state['name']}": 1})


if __name__ == "__main__":
    raise SystemExit(main())
