"""Before Prefect's embedded server is stopped: wait until it has written down what the runs told it.

In: ids of flow runs of this process, which have ended; each has called tasks. Out: nothing. Promise: returns when the
server has recorded the end of each of their task runs, or after `PATIENCE`. A server that is told to stop while it
writes task runs gives that up with a traceback of some hundred lines (TaskRunRecorder, "Error flushing"), although it
then writes them once more; and it is told to stop as soon as this process ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events.worker import EventsWorker

PATIENCE = 60.0
PAUSE = 1.5  # seconds: more than the server lets pass between two writes (pyproject.toml, task_run_recorder)


def settle(flow_runs: Collection[UUID]) -> None:
    """Nothing is left that the server has heard of and not written."""
    EventsWorker.instance().wait_until_empty()  # it sends in a thread of its own
    until, before = time.monotonic() + PATIENCE, -1
    while time.monotonic() < until:
        ended, known = _task_runs(flow_runs)
        # The first events of a task may be on their way, hence twice the same; with 0 known, all of them are.
        if known and ended == known == before:
            return
        before = known
        time.sleep(PAUSE)


def _task_runs(flow_runs: Collection[UUID]) -> tuple[int, int]:
    """How many the server has seen the end of, and how many it knows."""
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(flow_runs)))
    with get_client(sync_client=True) as client:
        found = client.read_task_runs(flow_run_filter=chosen)
    return sum(run.state is not None and run.state.is_final() for run in found), len(found)
