"""`make deploy` and `seqcls deploy FILE`: set up a server to run our flows. Both may be repeated.

In: a running server (PREFECT_API_URL); a prefect.yaml in this folder, or one pipeline file. Out: the work pool, the
deployments, the automations that end runs whose process or worker died (flows/zombies.py). Reports server settings that
differ from ours.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings.context import get_current_settings

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused, SeqclsError, WorldFailed, one_line
from seqcls_flows.score import score_flow
from seqcls_flows.train import train_flow
from seqcls_flows.zombies import install_zombie_automations
from seqcls_tasks.ours import TAG

POOL = "seqcls"
FLOWS = (train_flow, score_flow)
ENTRYPOINTS = tuple(
    f"{package}.{flow.name}.{flow.name}_flow" for package in ("seqcls_flows", "flows") for flow in FLOWS
)
"""Also by their names before they were part of the wheel: such deployments still run, from their checkout."""
START_A_SERVER = "`prefect server start` in another terminal, then `export PREFECT_API_URL=http://127.0.0.1:4200/api`"


def main(arguments: list[str]) -> None:
    with server() as client:
        print(f"work pool {POOL}: {make_pool(client)}")
        for complaint in compare_settings(client):
            print(complaint)
        for name, done in install_zombie_automations():
            print(f"automation {name!r}: {done}")
        for line in deploy_pipeline(client, Path(arguments[0])) if arguments else deploy_prefect_yaml(client):
            print(line)


@contextmanager
def server() -> Iterator[SyncPrefectClient]:
    """A client of the server at PREFECT_API_URL; without that, Prefect would start a server of its own."""
    url = get_current_settings().api.url
    if url is None:
        raise ConfigRefused("PREFECT_API_URL is not set", where="seqcls deploy", next_step=START_A_SERVER)
    try:
        with get_client(sync_client=True) as client:
            client.request("GET", "/health")
            yield client
    except httpx.HTTPError as error:
        raise WorldFailed(
            f"no Prefect server answers ({one_line(error) or type(error).__name__})",
            where=url,
            next_step=START_A_SERVER,
        ) from error


def make_pool(client: SyncPrefectClient) -> str:
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return "there already"
    return "made"


def deploy_prefect_yaml(client: SyncPrefectClient) -> Iterator[str]:
    """Every deployment that the prefect.yaml of this folder names."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(command, check=True)  # noqa: S603 (fixed words)
    for deployment in tag_deployments(client):
        yield f"deployment {deployment}: tag {TAG!r} added, which our runs are known by; add it to prefect.yaml"
    yield "Next: `make worker` in another terminal; the UI shows schedules and runs."


def deploy_pipeline(client: SyncPrefectClient, config: Path) -> Iterator[str]:
    """A deployment of each flow for one pipeline, named after it; runs start in this folder, one at a time."""
    name = load_pipeline(config).pipeline.name
    for flow in FLOWS:
        client.create_deployment(
            flow_id=client.create_flow(flow),
            name=name,
            entrypoint=f"{flow.fn.__module__}.{flow.fn.__name__}",
            parameters={"params": {"config": str(config)}},
            parameter_openapi_schema=flow.parameters.model_dump(),
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(Path.cwd())}}],
            tags=[TAG, name],
            work_pool_name=POOL,
            job_variables={"env": {"DO_NOT_TRACK": "1"}},
            concurrency_limit=1,
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        )
        yield f"deployment {flow.name}/{name}: {config} in {Path.cwd()}"
    yield "Next: start a worker in another terminal: `prefect worker start --pool seqcls --type process`"
    yield f"Then run it from the UI, or: `prefect deployment run train/{name}`"


def tag_deployments(client: SyncPrefectClient) -> list[str]:
    """Add our tag to deployments of our flows that lack it (from an earlier prefect.yaml); returns their names."""
    tagged = []
    for found in client.read_deployments():
        if found.entrypoint in ENTRYPOINTS and TAG not in found.tags:
            client.update_deployment(found.id, DeploymentUpdate(tags=[*found.tags, TAG]))
            tagged.append(found.name)
    return tagged


def compare_settings(client: SyncPrefectClient) -> list[str]:
    """A line for each setting of pyproject.toml that the server does not use, because it was started elsewhere."""
    ours = get_current_settings().server.concurrency
    answer = client.request("GET", "/admin/settings")
    answer.raise_for_status()
    theirs = answer.json()["server"]["concurrency"]
    return [
        f"the server runs with {name} = {theirs[name]!r} instead of {wanted!r}: start it in this folder, or set "
        f"PREFECT_SERVER_CONCURRENCY_{name.upper()}"
        for name, wanted in (
            ("lease_storage", ours.lease_storage),
            ("initial_deployment_lease_duration", ours.initial_deployment_lease_duration),
        )
        if theirs[name] != wanted
    ]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SeqclsError as error:
        print(f"seqcls: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
