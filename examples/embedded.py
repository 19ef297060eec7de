"""Before Prefect's embedded server is stopped: wait until it has written down what the runs told it.

In: ids of flow runs of this process, which have ended; each has called tasks. Out: nothing. Promise: returns when the
server has recorded the end of each of their task runs, or after `PATIENCE`. A server that is told to stop while it
writes task runs gives that up with a traceback of some hundred lines (TaskRunRecorder, "Error flushing"), although it
then writes them once more; and it is told to stop as soon as this process ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events import emit_event
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter, EventResourceFilter
from prefect.events.worker import EventsWorker

PATIENCE = 60.0
PAUSE = 0.5  # seconds


def settle(flow_runs: Collection[UUID]) -> None:
    """Nothing is left that the server has heard of and not written."""
    last = f"seqcls.end.{uuid4()}"
    emit_event("seqcls.runs-ended", resource={"prefect.resource.id": last})
    EventsWorker.instance().wait_until_empty()  # it sends in a thread of its own, in order
    until = time.monotonic() + PATIENCE
    with get_client(sync_client=True) as client:
        # Events are kept in the order in which they came: with the last one, the begin of every task run is there.
        while time.monotonic() < until and not _count(client, resource=EventResourceFilter(id=[last])):
            time.sleep(PAUSE)
        related = EventRelatedFilter(id=[f"prefect.flow-run.{number}" for number in flow_runs])
        begun = _count(client, event=EventNameFilter(name=["prefect.task-run.Pending"]), related=related)
        while time.monotonic() < until and _ended(client, flow_runs) < begun:
            time.sleep(PAUSE)


def _count(client: SyncPrefectClient, **wanted: object) -> int:
    """Events that the server has kept."""
    return int(client.read_events(EventFilter.model_validate(wanted), limit=1).total)


def _ended(client: SyncPrefectClient, flow_runs: Collection[UUID]) -> int:
    """Task runs that the server has written the end of."""
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=list(flow_runs)))
    return sum(run.state is not None and run.state.is_final() for run in client.read_task_runs(flow_run_filter=chosen))
