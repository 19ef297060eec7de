"""`make deploy`: everything the server needs, idempotently: work pool, deployments of prefect.yaml, the automation
that ends runs whose worker died (a self-hosted server leaves them Running for ever)."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import StateType

HOME = Path(__file__).parents[1]
POOL = "seqcls"
ZOMBIES = "seqcls: crash runs without heartbeat"
HEARTBEAT_SECONDS = 30  # [tool.prefect.flows] in pyproject.toml


def main() -> None:
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        except ObjectAlreadyExists:
            print(f"work pool {POOL}: there already")
    install_zombie_automation()
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(command, check=True, cwd=HOME)  # noqa: S603 (fixed words)
    print("Next: `make worker` in another terminal; the UI shows schedules and runs.")


def install_zombie_automation() -> None:
    """No event of a run for three heartbeats after a heartbeat: its process is gone."""
    with get_client(sync_client=True) as client:
        if client.read_automations_by_name(ZOMBIES):
            return
    trigger = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.*"},
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=3 * HEARTBEAT_SECONDS),
    )
    action = ChangeFlowRunState(state=StateType.CRASHED, message="no heartbeat: the worker or the machine died")
    Automation(name=ZOMBIES, trigger=trigger, actions=[action]).create()


if __name__ == "__main__":
    main()
