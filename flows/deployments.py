"""A pipeline's own deployments: `train`, `score`, `promote`, `rollback` and `clean`, under its name.

In: a server, pipeline files. Out: deployments whose form offers this pipeline only, with the schedules of [schedule].
Promise: deploying again changes what the file changed and nothing else: our schedule goes when the file has none any
more; one that a person paused stays paused, one that a person added in the UI stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

from seqcls.config import Pipeline, load_pipeline
from seqcls_flows.clean import clean_flow
from seqcls_flows.job import Job, flatten
from seqcls_flows.parameters import form_schema
from seqcls_flows.promote import promote_flow
from seqcls_flows.rollback import rollback_flow
from seqcls_flows.score import score_flow
from seqcls_flows.train import train_flow
from seqcls_tasks.ours import TAG

POOL = "seqcls"
FLOWS: tuple[Job, ...] = (train_flow, score_flow, promote_flow, rollback_flow, clean_flow)
ENTRYPOINTS = {
    f"{package}.{flow.name}.{flow.name}_flow": flow for package in ("seqcls_flows", "flows") for flow in FLOWS
}
"""Also by their names before they were part of the wheel: such deployments still run, from their checkout."""
SLUG = "pipeline-file"
"""Of the schedule that is ours; those that a person adds in the UI have another one, or none."""


def deploy_pipeline(client: SyncPrefectClient, config: Path) -> Iterator[str]:
    """A deployment of each flow for one pipeline, named after it; runs start in this folder."""
    pipeline = load_pipeline(config).pipeline
    for flow in FLOWS:
        number = _deploy(client, flow, pipeline, str(config))
        planned = _plan(client, number, flow, pipeline)
        yield f"deployment {flow.name}/{pipeline.name}: {config} in {Path.cwd()}{planned}"


def _deploy(client: SyncPrefectClient, flow: Job, pipeline: Pipeline, config: str) -> UUID:
    """Make it or bring it up to date, without its schedules; its id."""
    facts: dict[str, Any] = {
        "description": (flow.form.__doc__ or "").strip(),
        "entrypoint": f"{flow.fn.__module__}.{flow.fn.__name__}",
        "parameters": {"config": config},
        "parameter_openapi_schema": form_schema(flow.form, config),
        "enforce_parameter_schema": True,
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(Path.cwd())}}],
        "tags": [TAG, pipeline.name],
        "work_pool_name": POOL,
        "job_variables": {"env": {"DO_NOT_TRACK": "1"}},
        "concurrency_limit": pipeline.schedule.limit,
        "concurrency_options": {"collision_strategy": "CANCEL_NEW"},
    }
    try:
        number = client.read_deployment_by_name(f"{flow.name}/{pipeline.name}").id
    except ObjectNotFound:
        facts |= {"name": pipeline.name, "flow_id": str(client.create_flow(flow))}
        answer = client.request("POST", "/deployments/", json=facts)
        answer.raise_for_status()
        return UUID(answer.json()["id"])
    client.request("PATCH", f"/deployments/{number}", json=facts).raise_for_status()
    return number


def _plan(client: SyncPrefectClient, number: UUID, flow: Job, pipeline: Pipeline) -> str:
    """Give a deployment the schedule of its file; what to tell about it."""
    cron = {"train": pipeline.schedule.train, "score": pipeline.schedule.score}.get(flow.name)
    found = next((item for item in client.read_deployment_schedules(number) if item.slug == SLUG), None)
    if cron is None:
        if found is None:
            return ""
        client.delete_deployment_schedule(number, found.id)
        return "; its schedule was removed"
    wanted = CronSchedule(cron=cron, timezone=pipeline.schedule.timezone)
    if found is None:
        client.create_deployment_schedules(number, [DeploymentScheduleCreate(schedule=wanted, active=True, slug=SLUG)])
    elif found.schedule != wanted:
        client.update_deployment_schedule(number, found.id, active=found.active, schedule=wanted, slug=SLUG)
    paused = "" if found is None or found.active else ", paused in the UI"
    return f"; {cron!r} {pipeline.schedule.timezone}{paused}"


def update_deployments(client: SyncPrefectClient) -> list[str]:
    """Deployments of our flows from a prefect.yaml: our tag, the form, the parameters side by side; what was done."""
    done = []
    for found in client.read_deployments():
        flow = ENTRYPOINTS.get(found.entrypoint or "")
        if flow is None:
            continue
        facts: dict[str, Any] = {}
        if TAG not in found.tags:
            facts["tags"] = [*found.tags, TAG]
            done.append(f"{found.name}: tag {TAG!r} added, which our runs are known by; add it to prefect.yaml")
        if "params" in found.parameters:
            facts["parameters"] = flatten(found.parameters)
            done.append(f"{found.name}: the fields of `params` now stand side by side; write them so in prefect.yaml")
        if "enum" not in found.parameter_openapi_schema.get("properties", {}).get("config", {}):
            facts["parameter_openapi_schema"] = form_schema(flow.form)
        if facts:
            client.request("PATCH", f"/deployments/{found.id}", json=facts).raise_for_status()
    return done
