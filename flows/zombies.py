"""End runs without a living process: a self-hosted server would leave them Running, or Pending, for ever.

In: a Prefect server. Out: two automations on it, created, updated, or unchanged; never two with one name. Promise: they
affect only our runs (tasks/ours.py), and none that was suspended (tasks/heartbeat.py); a run whose process is gone is
Crashed within three heartbeats, which frees its slot under a concurrency limit; one whose worker died before the
process began, within ten minutes. A run that is only slow may be called Crashed too: its writes are protected by our
own leases (seqcls/ledger/chunks.py), not by the states of Prefect.
The server may lose events; what it misses is found by the next run (tasks/zombies.py).
After docs.prefect.io/v3/advanced/detect-zombie-flows, which covers neither Pending nor Cancelling.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from seqcls_tasks.heartbeat import ALIVE
from seqcls_tasks.ours import match_related
from seqcls_tasks.zombies import STARTING, silence_allowed

ANY_EVENT = "prefect.flow-run.*"
# State changes count as heartbeats too: a run killed in its first second has not sent a heartbeat yet.
SIGNS_OF_LIFE = (ALIVE, *(f"prefect.flow-run.{state}" for state in ("Running", "Retrying", "Cancelling")))
BEFORE_THE_PROCESS = tuple(f"prefect.flow-run.{state}" for state in ("Pending", "Submitting", "InfrastructurePending"))


def zombie_automations(silence: timedelta, starting: timedelta = STARTING) -> list[AutomationCore]:
    """The two automations: for runs whose process died, and for those whose process never began."""
    return [
        _crash_after(
            "seqcls: crash runs without heartbeat",
            SIGNS_OF_LIFE,
            silence,
            "no heartbeat: the process, its worker or the machine died; the next run goes on from what is committed",
        ),
        _crash_after(
            "seqcls: crash runs that never start",
            BEFORE_THE_PROCESS,
            starting,
            "taken by a worker, but no process began: the worker died; the next run does the work",
        ),
    ]


def _crash_after(name: str, events: tuple[str, ...], silence: timedelta, message: str) -> AutomationCore:
    """Crashed, if one of these events of a run is followed by no event of any kind for a while."""
    trigger = EventTrigger(
        after=set(events),
        expect={ANY_EVENT},
        match=ResourceSpecification({"prefect.resource.id": [ANY_EVENT]}),
        match_related=match_related(),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=silence,
    )
    crash = ChangeFlowRunState(state=StateType.CRASHED, message=message)
    # Explicit although it is the default: an update sends explicit values only, and the UI can switch one off.
    return AutomationCore(name=name, enabled=True, trigger=trigger, actions=[crash])


def install_zombie_automations(
    silence: timedelta | None = None, starting: timedelta = STARTING
) -> Iterator[tuple[str, str]]:
    """(name, what was done) of each; a second automation with one name, left by two set-ups at once, is removed."""
    with get_client(sync_client=True) as client:
        for wanted in zombie_automations(silence or silence_allowed(), starting):
            yield wanted.name, _install(client, wanted)


def _install(client: SyncPrefectClient, wanted: AutomationCore) -> str:
    found = sorted(client.read_automations_by_name(wanted.name), key=lambda item: str(item.id))
    if not found:
        client.create_automation(wanted)
        return "made"
    for second in found[1:]:
        client.delete_automation(second.id)
    if _facts(found[0]) == _facts(wanted):
        return "there already" if len(found) == 1 else "there already, second one removed"
    client.update_automation(found[0].id, wanted)
    return "brought up to date"


def _facts(automation: AutomationCore) -> dict[str, object]:
    """The automation as we define it, without the fields that the server adds."""
    return automation.model_dump(include={"enabled", "trigger", "actions"})
