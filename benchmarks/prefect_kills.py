"""Kills through a real Prefect server and real workers: flow process, worker, both, and the server itself.

`python -m benchmarks.prefect_kills [--kills 30] [--lanes 4] [--seconds 5400] [--seed 0]`: `prefect server start` on a
free port, the deployments of prefect.yaml. Each lane has a worker and deployments of its own, so that several wait for
heartbeats at once; nightly scoring keeps its limit of one run at a time. A run is killed with SIGKILL at a random
moment, one to three in a row; a killed worker is started again at once, as a supervisor would. The state that the run
ends in is awaited, and the next run must be Completed, with the model of an undisturbed training or balanced books.
Writes reliability.json. Exit code 1 when a run stayed Running or Pending, no run took over, or anything was lost.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings

from benchmarks.prefect_lanes import GRACE, STARTING, Lane, Tally, work_lane
from benchmarks.record import record
from seqcls_flows.zombies import install_zombie_automations
from seqcls_tasks.zombies import crash_silent_runs, silence_allowed
from tests.flows.stack import Stack, copy_project
from tests.reliability.invariants import model_digests
from tests.road_data import write_project

NOT_FINAL = ["RUNNING", "PENDING", "CANCELLING"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="of flow processes and workers; the server's come on top")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5400.0, help="at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return int(not kill_through_prefect(options.kills, options.lanes, options.seconds, options.seed))


def kill_through_prefect(kills: int, lanes: int, seconds: float, seed: int) -> bool:
    """The whole proof, recorded; whether all was well."""
    began, tally = time.monotonic(), Tally()
    with tempfile.TemporaryDirectory() as name:
        home, project = Path(name) / "prefect", Path(name) / "project"
        for folder in (home, project):
            folder.mkdir()
        copy_project(project)
        with Stack(home, project) as stack:
            templates = prepare(stack)
            wanted = model_digests(templates["score"])
            places = [add_lane(stack, number, seed) for number in range(lanes)]
            deadline = began + seconds
            with ThreadPoolExecutor(lanes + 1) as pool:
                work = [pool.submit(work_lane, lane, templates, wanted, kills, deadline, tally) for lane in places]
                server = pool.submit(kill_server_twice, stack, kills, deadline, tally)
                while not all(one.done() for one in (*work, server)):
                    tally.revived += sum(stack.revive(lane.pool) for lane in places)
                    time.sleep(2.0)
                tally.failed += [repr(one.exception()) for one in (*work, server) if one.exception()]
            tally.running = count_running(stack, tally)
    for text in tally.failed:
        print(text)
    wrong = {
        **tally.books.__dict__,
        "runs that stay Running": tally.running,
        "work that no run took over, or another model": len(tally.failed),
    }
    record(
        "kills through Prefect",
        {
            "tried": "`kill -9` of flow processes, workers, both at once and the server, on a real Prefect server; "
            "afterwards a run must end Completed",
            "times": tally.kills.total(),
            "kills": dict(tally.kills),
            "killed_runs_ended": dict(sorted(tally.ended.items())),
            "completed_afterwards": tally.completed,
            "workers_revived": tally.revived,
            "missed_by_the_automations": tally.found_by_the_next,
            "spoilt_by_the_killed_server": tally.taken_over_late,
            "longest_seconds_until_crashed": round(tally.longest),
            "windows_seconds": {"silence": silence_allowed().seconds, "starting": STARTING.seconds},
            "wrong": wrong,
            "seed": seed,
            "seconds": round(time.monotonic() - began),
        },
    )
    return not any(wrong.values())


def prepare(stack: Stack) -> dict[str, Path]:
    """Server, deployments, automations; a project to train and one with a champion."""
    stack.start_server()
    stack.deploy()
    with temporary_settings(stack.settings):
        list(install_zombie_automations(starting=STARTING))
    more = "[promote]\nevery_class_predicted = false\n"
    train = write_project(stack.project / "untrained", rows=120, family="cnn", more=more)
    score = Path(shutil.copytree(train.parent, stack.project / "trained")) / train.name
    subprocess.run([sys.executable, "-m", "seqcls", "train", str(score)], check=True)
    return {"train": train, "score": score}


def add_lane(stack: Stack, number: int, seed: int) -> Lane:
    """A pool, copies of the deployments that use it, a worker."""
    lane = Lane(stack, number, random.Random(f"{seed}-{number}"))
    stack.ask("POST", "/work_pools/", {"name": lane.pool, "type": "process"})
    for name in ("train/manual", "score/nightly"):
        found = stack.ask("GET", f"/deployments/name/{name}")
        kept = ("flow_id", "entrypoint", "pull_steps", "parameters", "parameter_openapi_schema", "path",
                "enforce_parameter_schema", "job_variables", "concurrency_options", "tags")  # fmt: skip
        limit = (found["global_concurrency_limit"] or {}).get("limit")
        body = {key: found[key] for key in kept} | {"name": lane.pool, "work_pool_name": lane.pool}
        stack.ask("POST", "/deployments/", body | {"concurrency_limit": limit})
    stack.start_worker(lane.pool)
    return lane


def kill_server_twice(stack: Stack, kills: int, deadline: float, tally: Tally) -> None:
    """After a third and after two thirds of the other kills."""
    for share in (1 / 3, 2 / 3):
        while tally.kills.total() < share * kills:
            if time.monotonic() > deadline or tally.failed:
                return
            time.sleep(1.0)
        stack.kill("server")
        with tally.lock:
            tally.kills["server"] += 1
        print("server killed", flush=True)
        stack.start_server()


def count_running(stack: Stack, tally: Tally) -> int:
    """Runs that have not ended when all the work is done, and the next run has looked for them."""
    body = {"flow_runs": {"state": {"type": {"any_": NOT_FINAL}}}}
    end = time.monotonic() + 2 * STARTING.seconds + GRACE
    with temporary_settings(stack.settings), get_client(sync_client=True) as client:
        while left := len(stack.ask("POST", "/flow_runs/filter", body)):
            # what `end_dead_runs`, the first task of each flow, does; with the shorter window of this trial
            tally.found_by_the_next += len(crash_silent_runs(client, 2 * silence_allowed(), 2 * STARTING))
            if time.monotonic() > end:
                break
            time.sleep(2.0)
    return left


if __name__ == "__main__":
    raise SystemExit(main())
