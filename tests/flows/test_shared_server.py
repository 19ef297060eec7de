"""A server that is shared with other people: their runs are left alone, and ours that somebody has suspended.

`python -m benchmarks.shared_server` does the same for as long as one likes, with real processes of others.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings

from seqcls_flows.deployments import update_deployments
from seqcls_flows.zombies import install_zombie_automations
from seqcls_tasks.heartbeat import ALIVE
from seqcls_tasks.ours import TAG
from seqcls_tasks.zombies import crash_silent_runs
from tests.flows.stack import Stack
from tests.road_data import write_project

pytestmark = [pytest.mark.server, pytest.mark.slow]
SILENCE = timedelta(seconds=10)  # the least that Prefect allows
QUICK = {"SEQCLS_HEARTBEAT_SECONDS": "2", "DO_NOT_TRACK": "1"}


@pytest.fixture
def here(stack: Stack) -> Iterator[None]:
    """Prefect's client in this process speaks to the stack's server; its automations are left as they should be."""
    with temporary_settings(stack.settings):
        yield
        list(install_zombie_automations())


@pytest.fixture
def quick(here: None) -> None:
    """Automations that wait for ten seconds only."""
    list(install_zombie_automations(SILENCE, SILENCE))


def wait_for_the_automations(stack: Stack, state: str = "RUNNING") -> None:
    """Until they have ended a run of ours that is younger than all others here."""
    assert stack.wait(stack.add_run("train", state, [TAG]))["type"] == "CRASHED"


@pytest.mark.fault(
    "O01",
    tried="a run of another flow named `train`, another flow with our tag, a run of a third, all Running "
    "without heartbeats, and one that stays Pending; runs of ours beside them, Running and Pending without a process",
    outcome="the automations and the next run end ours; the others stay what they are",
)
def test_runs_of_other_people_are_left_alone(stack: Stack, quick: None) -> None:
    others = {
        stack.add_run("train", "RUNNING", []): "RUNNING",
        stack.add_run("their-flow", "RUNNING", [TAG]): "RUNNING",
        stack.add_run("their-flow", "RUNNING", ["theirs"]): "RUNNING",
        stack.add_run("train", "PENDING", ["theirs"]): "PENDING",
    }
    wait_for_the_automations(stack)
    wait_for_the_automations(stack, "PENDING")
    dead = stack.add_run("score", "RUNNING", [TAG])
    with get_client(sync_client=True) as client:
        crash_silent_runs(client, timedelta(0), timedelta(0))
    assert stack.state(dead)["type"] == "CRASHED"
    assert {run: stack.state(run)["type"] for run in others} == others
    for run in others:
        stack.ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


def test_what_an_earlier_make_deploy_left_is_brought_up_to_date(stack: Stack, quick: None) -> None:
    """Automations that matched every run of the server, deployments without our tag."""
    [found] = [item for item in stack.ask("POST", "/automations/filter", {}) if "heartbeat" in item["name"]]
    old = {key: found[key] for key in ("name", "trigger", "actions", "enabled")}
    del old["trigger"]["match_related"]
    stack.ask("PUT", f"/automations/{found['id']}", old)
    done = [what for _, what in install_zombie_automations(SILENCE, SILENCE)]
    assert done == ["brought up to date", "there already"]
    nightly = stack.ask("GET", "/deployments/name/score/nightly")
    stack.ask("PATCH", f"/deployments/{nightly['id']}", {"tags": ["scoring"]})
    with get_client(sync_client=True) as client:
        assert [line.split(":")[0] for line in update_deployments(client)] == ["nightly"]
        assert update_deployments(client) == []
    assert stack.ask("GET", "/deployments/name/score/nightly")["tags"] == ["scoring", TAG]


def events_of(stack: Stack, run: str, name: str) -> list[dict[str, Any]]:
    body = {"filter": {"event": {"name": [name]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}}
    return list(stack.ask("POST", "/events/filter", body)["events"])


@pytest.mark.fault(
    "O03",
    tried="a training suspended in the UI: its process works on to the end of the task, then leaves",
    outcome="it stays Suspended for longer than the silence after which a dead run is Crashed; resumed, it completes",
)
def test_a_suspended_run_stays_suspended_and_can_be_resumed(stack: Stack, here: None) -> None:
    config = write_project(stack.project / "suspended", rows=120, family="cnn")
    run = stack.begin("train/manual", str(config.relative_to(stack.project)), "epoch_ended=stop", QUICK)
    stopped = stack.wait_until_stopped(run)
    stack.suspend(run)
    list(install_zombie_automations(SILENCE, SILENCE))  # from now on: on a busy machine it may begin slowly
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    stack.wait_for_event(run, "prefect.flow-run.waiting")
    stack.wait_until_left(run)
    wait_for_the_automations(stack)
    assert stack.state(run)["name"] == "Suspended"
    related = [item["prefect.resource.id"] for item in events_of(stack, run, ALIVE)[0]["related"]]
    assert f"prefect.tag.{TAG}" in related
    list(install_zombie_automations())  # the silence that people have: on a busy machine a run begins slowly
    stack.ask("POST", f"/flow_runs/{run}/resume", {})
    assert stack.wait(run)["type"] == "COMPLETED"
