"""A heartbeat every half a minute, for as long as a run is executed and not suspended.

In: the flow run of this context. Out: events of that run, `alive` or `waiting`. Prefect's own heartbeats are not used:
they continue for a run that was suspended in the UI until its task ends, and then stop with the process, which looks
like a crash. Promise: after a run is suspended, its last event is not `alive`, whatever the process still does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.events import emit_event

from seqcls_tasks.ours import TAG

ALIVE, WAITING = "prefect.flow-run.alive", "prefect.flow-run.waiting"


def heartbeat() -> timedelta:
    """Between two heartbeats; SEQCLS_HEARTBEAT_SECONDS must be the same for `make deploy` and the workers."""
    return timedelta(seconds=float(os.environ.get("SEQCLS_HEARTBEAT_SECONDS", "30")))


@contextmanager
def signs_of_life() -> Iterator[None]:
    """While the block runs, and once more at its end, when a suspended run leaves its process."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    stop = threading.Event()
    thread = threading.Thread(
        target=copy_context().run, args=(_beat, context.flow_run, context.flow.name, stop), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)


def _beat(run: FlowRun, flow: str, stop: threading.Event) -> None:
    while True:
        _emit(WAITING if _is_paused(run) else ALIVE, run, flow)
        if stop.wait(heartbeat().total_seconds()):
            break
    if _is_paused(run):  # suspended since the last heartbeat, which must not be the last event
        _emit(WAITING, run, flow)


def _is_paused(run: FlowRun) -> bool:
    """Whether the run was suspended; False if the server does not answer."""
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run.id).state
    except Exception as error:  # whatever the error is: the work continues, and so do the heartbeats
        get_run_logger().debug("the state of the run could not be read: %r", error)
        return False
    return state is not None and state.is_paused()


def _emit(event: str, run: FlowRun, flow: str) -> None:
    emit_event(
        event,
        resource={"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name},
        related=[
            {
                "prefect.resource.id": f"prefect.flow.{run.flow_id}",
                "prefect.resource.role": "flow",
                "prefect.resource.name": flow,
            },
            {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"},
        ],
    )
