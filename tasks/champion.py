"""Tasks: a person moves the champion, or answers the question that waits, from a form of the UI."""

from __future__ import annotations

from typing import Any

from prefect import task

from seqcls.engines.races import ensure_race
from seqcls.pages import escape
from seqcls.registry import versions as registry
from seqcls.workspace import Workspace, open_workspace
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_markdown


@task(**STAGE, timeout_seconds=HOUR)
def promote_version(config: str, version: int | None, force: bool, why: str, who: str) -> dict[str, Any]:
    """As `seqcls promote`; GateRefused, with every rule's figure in the artifact, where the gate says no."""
    with open_workspace(config) as workspace:
        found = registry.newest_promotable(workspace) if version is None else registry.find_version(workspace, version)
        return _tell(workspace, registry.promote(workspace, found, force=force, why=why, who=who))


@task(**STAGE, timeout_seconds=HOUR)
def answer_question(config: str, yes: bool, why: str, who: str) -> dict[str, Any]:
    """As `seqcls promote --yes` or `--no`."""
    with open_workspace(config) as workspace:
        return _tell(workspace, registry.answer(workspace, yes, why, who), declined=not yes)


def _tell(workspace: Workspace, found: registry.Promotion, declined: bool = False) -> dict[str, Any]:
    """Every rule as an artifact; then GateRefused, if the gate said no."""
    champion = registry.is_champion(workspace, found.version)
    checks = found.decision.checks
    rows = [f"- {'yes' if one.passed else 'NO'}: {one.rule}: {one.found}, expected {one.expected}" for one in checks]
    title = f"{found.version.name} is {'champion' if champion else 'declined' if declined else 'refused'}"
    page = "\n".join([f"# {title}", "", *map(escape, rows)])
    show_markdown(workspace.pipeline.name, "decision", lambda: page, lambda: title)
    if not declined:
        registry.require_promoted(found)
        ensure_race(workspace, found.version)
    return {"model": found.version.name, "promoted": found.promoted, "champion": champion}


@task(**STAGE, timeout_seconds=HOUR)
def roll_back(config: str, to: int | None, why: str) -> dict[str, Any]:
    """As `seqcls rollback`."""
    with open_workspace(config) as workspace:
        before, after = registry.rollback(workspace, why=why, to=to)
        title = f"{after.name} is champion; before: {before.name}"
        page = f"# {escape(title)}\n\n{escape(why)}"
        show_markdown(workspace.pipeline.name, "decision", lambda: page, lambda: title)
        return {"from": before.name, "model": after.name}
