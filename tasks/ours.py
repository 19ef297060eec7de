"""Which runs on a server are ours: others may use the same server, and their runs are never touched.

Ours = a run of a flow named here that has our tag. A name alone is not enough, since another project may have a flow
`train` too; a tag alone is not enough either, since anybody can use it. `flows/job.py` adds the tag to runs that a
shell starts, `prefect.yaml` and `make deploy` to deployments.
"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType

FLOWS = ["train", "score", "promote", "rollback", "clean"]
TAG = "seqcls"


def match_related() -> list[dict[str, Any]]:
    """For an automation: what an event of a run of ours is related to; all of these."""
    return [
        {"prefect.resource.role": "flow", "prefect.resource.name": FLOWS},
        {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"},
    ]


def filters(states: list[StateType]) -> dict[str, Any]:
    """For `read_flow_runs`: our runs in these states."""
    return {
        "flow_filter": FlowFilter(name=FlowFilterName(any_=FLOWS)),
        "flow_run_filter": FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)), tags=FlowRunFilterTags(all_=[TAG])
        ),
    }
