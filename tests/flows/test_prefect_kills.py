"""Flow process, worker and server killed with SIGKILL: no run stays Running, the next one goes on, the books balance.

`python -m benchmarks.prefect_kills` does the same at random moments, many times.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION,
    temporary_settings,
)
from prefect.states import Cancelled

from seqcls_flows.deploy import compare_settings
from seqcls_flows.zombies import install_zombie_automations
from seqcls_tasks.zombies import crash_silent_runs, silence_allowed
from tests.flows.stack import Stack, kill_run
from tests.reliability.invariants import Books, count_final, count_ids, count_visible, model_digests
from tests.road_data import write_project, write_rows

pytestmark = [pytest.mark.server, pytest.mark.slow]
SILENCE = timedelta(seconds=10)  # in place of 90, the least that Prefect allows: a test does not wait three heartbeats


@pytest.fixture(scope="module")
def config(stack: Stack) -> Path:
    """A pipeline with a champion and a night to score."""
    folder = stack.project / "kills"
    write_rows(folder / "incoming" / "night.csv", 90, seed=1, labelled=False, extra=[["empty", ""]])
    config = write_project(folder, rows=120, family="cnn", more="[promote]\nevery_class_predicted = false\n")
    subprocess.run([sys.executable, "-m", "seqcls", "train", str(config)], check=True)
    return config


@pytest.fixture
def here(stack: Stack) -> Iterator[None]:
    """Prefect's client in this process speaks to the stack's server."""
    with temporary_settings(stack.settings):
        yield


def windows(stack: Stack) -> dict[str, float]:
    """Name -> seconds of silence, of every automation; each name once."""
    found = stack.ask("POST", "/automations/filter", {})
    assert len({item["name"] for item in found}) == len(found)
    assert all(item["enabled"] for item in found)
    return {item["name"].removeprefix("seqcls: "): item["trigger"]["within"] for item in found}


def test_deploying_installs_each_automation_once_and_brings_it_up_to_date(stack: Stack, here: None) -> None:
    assert windows(stack) == {"crash runs without heartbeat": 90.0, "crash runs that never start": 600.0}
    assert [done for _, done in install_zombie_automations()] == ["there already", "there already"]
    changed = list(install_zombie_automations(silence=timedelta(seconds=120)))
    assert [done for _, done in changed] == ["brought up to date", "there already"]
    assert windows(stack)["crash runs without heartbeat"] == 120.0
    first = stack.ask("POST", "/automations/filter", {})[0]
    second = {key: first[key] for key in ("name", "trigger", "actions")} | {"enabled": False}
    stack.ask("POST", "/automations/", second)  # as two set-ups at once would leave it
    assert len(stack.ask("POST", "/automations/filter", {})) == 3
    list(install_zombie_automations())
    assert windows(stack) == {"crash runs without heartbeat": 90.0, "crash runs that never start": 600.0}


def test_the_silence_allowed_is_three_heartbeats_of_the_project(stack: Stack) -> None:
    assert silence_allowed() == timedelta(seconds=90)


@pytest.mark.fault(
    "O10",
    tried="the settings that a server of `make server` runs with, for a database in SQLite on a busy machine",
    outcome="it writes in batches and waits a minute for the lock; operations.md says when to take PostgreSQL",
)
def test_the_server_spares_its_sqlite_database(stack: Stack) -> None:
    server = stack.ask("GET", "/admin/settings")["server"]
    assert server["database"]["timeout"] == 60
    assert (
        server["services"]["task_run_recorder"]["batch_size"],
        server["services"]["event_persister"]["read_batch_size"],
    ) == (200, 200)


def test_a_server_with_other_settings_for_leases_is_named(stack: Stack, here: None) -> None:
    with get_client(sync_client=True) as client:
        assert compare_settings(client) == []
        with temporary_settings({PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION: 45.0}):
            (line,) = compare_settings(client)
    assert line == (
        "the server runs with initial_deployment_lease_duration = 60.0 instead of 45.0: start it in this folder, or "
        "set PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION"
    )


def test_a_run_that_the_automations_missed_is_ended_unless_it_was_heard_of(stack: Stack, here: None) -> None:
    """A locked database loses events, and an automation that has not seen a run begin never ends it."""
    found = stack.ask("GET", "/deployments/name/train/manual")
    runs = {
        name: str(stack.ask("POST", f"/deployments/{found['id']}/create_flow_run", {"state": {"type": state}})["id"])
        for name, state in (("silent", "RUNNING"), ("alive", "RUNNING"), ("starting", "PENDING"))
    }
    resource = {"prefect.resource.id": f"prefect.flow-run.{runs['alive']}"}
    later = (datetime.now(UTC) + timedelta(seconds=75)).isoformat()  # within the silence that the automation allows
    heartbeat = {"occurred": later, "event": "prefect.flow-run.heartbeat", "resource": resource, "id": str(uuid4())}
    stack.ask("POST", "/events", [heartbeat])
    stack.wait_for_event(runs["alive"], "prefect.flow-run.heartbeat")
    with get_client(sync_client=True) as client:
        ended = crash_silent_runs(client, timedelta(0), timedelta(hours=1))
        assert len(ended) == 1
        assert {name: stack.state(run)["type"] for name, run in runs.items()} == {
            "silent": "CRASHED",
            "alive": "RUNNING",
            "starting": "PENDING",
        }
        assert "found by the run after it" in stack.state(runs["silent"])["message"]
        crash_silent_runs(client, timedelta(0), timedelta(0))
        assert stack.state(runs["starting"])["type"] == "CRASHED"
        assert stack.state(runs["alive"])["type"] == "RUNNING"
        client.set_flow_run_state(UUID(runs["alive"]), Cancelled(), force=True)


def test_a_killed_flow_process_is_crashed_at_once(stack: Stack, config: Path) -> None:
    run = stack.begin("score/nightly", "kills/pairs.toml", "chunk_claimed=kill")
    state = stack.wait(run)
    assert state["type"] == "CRASHED", state
    assert count_visible(config) == Books()


@pytest.mark.fault(
    "F63",
    tried="worker and flow process killed with SIGKILL after the first of three chunks is committed",
    outcome="the automation of `make deploy` ends the run as Crashed; the next run scores the rest, each row once",
)
def test_worker_and_process_killed_the_run_is_ended_and_the_next_one_goes_on(
    stack: Stack, here: None, config: Path
) -> None:
    list(install_zombie_automations(silence=SILENCE))
    run = stack.begin("score/nightly", "kills/pairs.toml", "chunk_committed=stop")
    stack.wait_until_stopped(run)
    stack.kill("seqcls")
    assert kill_run(run) > 0
    assert count_visible(config) == Books()
    stack.start_worker("seqcls")
    state = stack.wait(run)
    assert state["type"] == "CRASHED", state
    assert "no heartbeat" in state["message"]
    list(install_zombie_automations())
    after = stack.begin("score/nightly", "kills/pairs.toml")  # its limit is one run at a time: the place is free again
    assert stack.wait(after)["type"] == "COMPLETED"
    assert "end_dead_runs" in {name.partition("-")[0] for name in stack.tasks(after)}
    assert count_final(config) == Books()
    assert count_ids(config) == Books()


@pytest.mark.fault(
    "F64",
    tried="server killed with SIGKILL and started again while a run trains",
    outcome="the run ends Completed, with the model of an undisturbed training",
)
def test_a_server_killed_in_mid_run_comes_back_and_the_run_completes(stack: Stack, config: Path) -> None:
    write_project(stack.project / "again", rows=120, family="cnn")
    run = stack.begin("train/manual", "again/pairs.toml", "epoch_ended=stop")
    stopped = stack.wait_until_stopped(run)
    stack.kill("server")
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    stack.start_server()
    assert stack.wait(run)["type"] == "COMPLETED"
    assert model_digests(stack.project / "again" / "pairs.toml") == model_digests(config)
