"""Task: the next run ends runs without a living process that the server's automations missed.

In: a Prefect server. Out: the names of the runs that were set to Crashed. Promise: no run of our flows stays Running,
Pending or Cancelling after the next run begins; runs of others (tasks/ours.py) and suspended ones are left alone. A
server on SQLite loses events if its database is locked for too long, and then the automations of flows/zombies.py miss
them: kills on an overloaded machine left runs Pending for ever. So the automations are fast and this task is reliable:
it asks for states and events.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from seqcls_tasks import ours
from seqcls_tasks.heartbeat import heartbeat
from seqcls_tasks.policy import STAGE

HEARTBEATS = 3  # without a heartbeat; one or two may be late if the machine or the database is busy
STARTING = timedelta(minutes=10)  # from Pending to Running: on a busy machine a process takes half a minute to start
PATIENCE = 2  # a multiple of these, so that the automations come first
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
MESSAGE = "no sign of life: the process, its worker or the machine died; found by the run after it, which does the work"


def silence_allowed() -> timedelta:
    """How long a run may be silent: three heartbeats."""
    return HEARTBEATS * heartbeat()


@task(**STAGE, timeout_seconds=600)
def end_dead_runs() -> list[str]:
    """Used for its state only: if the list cannot be read, the run continues."""
    with get_client(sync_client=True) as client:
        return crash_silent_runs(client, PATIENCE * silence_allowed(), PATIENCE * STARTING)


def crash_silent_runs(client: SyncPrefectClient, silence: timedelta, starting: timedelta) -> list[str]:
    """Set to Crashed the runs that have been in their state without any event for too long; returns their names."""
    ended = []
    for run in client.read_flow_runs(**ours.filters(UNFINISHED)):
        since = datetime.now(UTC) - (starting if run.state_type == StateType.PENDING else silence)
        if _entered(run) < since and not _was_heard_of(client, run.id, since):
            client.set_flow_run_state(
                run.id, Crashed(message=MESSAGE)
            )  # the server refuses this if the run has just ended
            ended.append(run.name)
    return ended


def _entered(run: FlowRun) -> datetime:
    """When the run entered its state."""
    assert run.state is not None
    return run.state.timestamp


def _was_heard_of(client: SyncPrefectClient, run: UUID, since: datetime) -> bool:
    """Whether the server has kept any event of the run, such as a heartbeat, since then."""
    until = datetime.now(UTC) + timedelta(days=1)  # the clock of another machine may be ahead
    occurred = {"since": since.isoformat(), "until": until.isoformat()}
    wanted = {"occurred": occurred, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    answer = client.request("POST", "/events/filter", json={"filter": wanted, "limit": 1})
    answer.raise_for_status()
    return bool(answer.json()["events"])
