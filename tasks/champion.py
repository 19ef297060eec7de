"""Tasks: a person moves the champion, from a form of the UI."""

from __future__ import annotations

from typing import Any

from prefect import task

from seqcls.engines.races import ensure_race
from seqcls.pages import escape
from seqcls.registry import versions as registry
from seqcls.workspace import open_workspace
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_markdown


@task(**STAGE, timeout_seconds=HOUR)
def promote_version(config: str, version: int | None, force: bool, why: str) -> dict[str, Any]:
    """As `seqcls promote`; GateRefused, with every rule's figure in the artifact, where the gate says no."""
    with open_workspace(config) as workspace:
        find = registry.newest_promotable if version is None else lambda place: registry.find_version(place, version)
        found = registry.promote(workspace, find(workspace), force=force, why=why)
        checks = found.decision.checks
        rows = [
            f"- {'yes' if one.passed else 'NO'}: {one.rule}: {one.found}, expected {one.expected}" for one in checks
        ]
        title = f"{found.version.name} is {'champion' if registry.is_champion(workspace, found.version) else 'refused'}"
        page = "\n".join([f"# {title}", "", *map(escape, rows)])
        show_markdown(workspace.pipeline.name, "decision", lambda: page, lambda: title)
        ensure_race(workspace, registry.require_promoted(found).version)
        return {"model": found.version.name, "promoted": found.promoted}


@task(**STAGE, timeout_seconds=HOUR)
def roll_back(config: str, to: int | None, why: str) -> dict[str, Any]:
    """As `seqcls rollback`."""
    with open_workspace(config) as workspace:
        before, after = registry.rollback(workspace, why=why, to=to)
        title = f"{after.name} is champion; before: {before.name}"
        show_markdown(workspace.pipeline.name, "decision", lambda: f"# {escape(title)}\n\n{escape(why)}", lambda: title)
        return {"from": before.name, "model": after.name}
