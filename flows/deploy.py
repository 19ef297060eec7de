"""`make deploy`: everything the server needs, idempotently: work pool, deployments of prefect.yaml, the automations
that end runs whose process or worker died (flows/zombies.py). Says where the server's own settings are not ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings.context import get_current_settings

from flows.zombies import install_zombie_automations
from tasks.ours import TAG

HOME = Path(__file__).parents[1]
POOL = "seqcls"
ENTRYPOINTS = ("flows.train.train_flow", "flows.score.score_flow")


def main() -> None:
    with get_client(sync_client=True) as client:
        make_pool(client)
        for complaint in compare_settings(client):
            print(complaint)
    for name, done in install_zombie_automations():
        print(f"automation {name!r}: {done}")
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(command, check=True, cwd=HOME)  # noqa: S603 (fixed words)
    with get_client(sync_client=True) as client:
        for deployment in tag_deployments(client):
            print(f"deployment {deployment}: tag {TAG!r} added, which our runs are known by; add it to prefect.yaml")
    print("Next: `make worker` in another terminal; the UI shows schedules and runs.")


def make_pool(client: SyncPrefectClient) -> None:
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        print(f"work pool {POOL}: there already")


def tag_deployments(client: SyncPrefectClient) -> list[str]:
    """Put our tag on deployments of our flows that lack it (of an earlier prefect.yaml); their names."""
    tagged = []
    for found in client.read_deployments():
        if found.entrypoint in ENTRYPOINTS and TAG not in found.tags:
            client.update_deployment(found.id, DeploymentUpdate(tags=[*found.tags, TAG]))
            tagged.append(found.name)
    return tagged


def compare_settings(client: SyncPrefectClient) -> list[str]:
    """A line for each setting of pyproject.toml that the server does not run with: it was started elsewhere."""
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
    main()
