"""`make deploy` and `seqcls deploy FILES`: set up a server to run our flows. Both may be repeated.

In: a running server (PREFECT_API_URL); a prefect.yaml in this folder, or pipeline files. Out: the work pool, the
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
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings.context import get_current_settings

from seqcls.errors import ConfigRefused, SeqclsError, WorldFailed, one_line
from seqcls_flows.deployments import POOL, deploy_pipeline, update_deployments
from seqcls_flows.zombies import install_zombie_automations
from seqcls_tasks.ours import TAG

START_A_SERVER = "`prefect server start` in another terminal, then `export PREFECT_API_URL=http://127.0.0.1:4200/api`"


def main(arguments: list[str]) -> None:
    limit = int(arguments[1]) if arguments[:1] == ["--limit"] else None  # of `seqcls up`, whose worker runs already
    files = arguments if limit is None else arguments[2:]
    with server() as client:
        if files == ["--list"]:
            print("\n".join(list_deployments(client)))
            return
        print(f"work pool {POOL}: {make_pool(client, limit)}")
        for complaint in compare_settings(client):
            print(complaint)
        for name, done in install_zombie_automations():
            print(f"automation {name!r}: {done}")
        for line in deploy_prefect_yaml(client) if not files and limit is None else deploy_pipelines(client, files):
            print(line)
        if limit is None and files:
            print("Next: start a worker in another terminal: `prefect worker start --pool seqcls --type process`")
            print("Then run them from the UI, or: `prefect deployment run train/NAME`")


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


def make_pool(client: SyncPrefectClient, limit: int | None = None) -> str:
    """A pool that is there already keeps its limit: a person may have changed it."""
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=limit))
    except ObjectAlreadyExists:
        return "there already"
    return "made"


def deploy_prefect_yaml(client: SyncPrefectClient) -> Iterator[str]:
    """Every deployment that the prefect.yaml of this folder names."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(command, check=True)  # noqa: S603 (fixed words)
    for done in update_deployments(client):
        yield f"deployment {done}"
    yield "Next: `make worker` in another terminal; the UI shows schedules and runs."


def deploy_pipelines(client: SyncPrefectClient, files: list[str]) -> Iterator[str]:
    """The deployments of each pipeline file."""
    for file in files:
        yield from deploy_pipeline(client, Path(file))


def list_deployments(client: SyncPrefectClient) -> Iterator[str]:
    """Our deployments, a line each: the next and the last run."""
    names = {flow.id: flow.name for flow in client.read_flows()}
    for found in sorted(client.read_deployments(), key=lambda item: item.name):
        if TAG not in found.tags:
            continue
        runs = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[found.id]))
        ordered = client.read_flow_runs(flow_run_filter=runs, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=50)
        coming = [run.expected_start_time for run in ordered if run.state_type == StateType.SCHEDULED]
        ended = next((run for run in ordered if run.state_type != StateType.SCHEDULED), None)
        after = f"next {min(time for time in coming if time):%Y-%m-%d %H:%M} UTC" if any(coming) else "no run planned"
        last = f"last: {ended.name} {ended.state_name}" if ended else "no run yet"
        yield f"  {names.get(found.flow_id)}/{found.name}: {after}; {last}"


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
