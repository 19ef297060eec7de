"""`promote.approval = "person"`: a decision that waits for a yes or no, in the ledger; no process waits.

In: a workspace. Out: the open question, or what became of it. A question is open until its version is promoted,
declined or expired, or a newer version waits in its place. Whoever says yes asks the gate again, about the champion of
that hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Row

from seqcls.alerts.tell import tell
from seqcls.config.base import duration_seconds
from seqcls.errors import ConfigRefused, one_line
from seqcls.ledger.decisions import list_decisions
from seqcls.ledger.models import ModelVersion
from seqcls.registry.decisions import DECLINED, EXPIRED, WAITING, last_about, read_decision, record_decision
from seqcls.registry.gate import Check, Decision
from seqcls.workspace import Workspace


def find_question(workspace: Workspace) -> Row[Any] | None:
    """The decision that waits for a person, if one does."""
    last: dict[int, Row[Any]] = {}
    for row in list_decisions(workspace.ledger, workspace.pipeline.name):
        last[row.version] = row
    waiting = [row for row in last.values() if row.state == WAITING]
    newest = max(last, default=0)
    return waiting[-1] if waiting and waiting[-1].version == newest else None


def settle_question(
    workspace: Workspace, version_of: Callable[[Workspace, int], ModelVersion], now: float | None = None
) -> list[str]:
    """Let a question expire whose time is over; otherwise say what waits. For each run and each command."""
    row = find_question(workspace)
    if row is None:
        return []
    now = time.time() if now is None else now
    age = now - row.decided_at
    rules = workspace.pipeline.promote
    if age < duration_seconds(rules.expire_after):
        line = how_to_answer(workspace, row)
        fault, name = f"approval:{row.number}:{reminders(workspace, row, now)}", workspace.pipeline.name
        tell(workspace, "approval", fault, f"{name}@v{row.version} waits for an answer", line, "read its report first")
        return [line]
    why = f"no answer within {rules.expire_after}"
    record_decision(workspace, version_of(workspace, row.version), decision_of(workspace, row), EXPIRED, why, "seqcls")
    return [f"{workspace.pipeline.name}@v{row.version} is not promoted: {why}"]


def reminders(workspace: Workspace, row: Row[Any], now: float) -> int:
    """How many times the question has been due again."""
    return int((now - row.decided_at) // max(1.0, duration_seconds(workspace.pipeline.promote.remind_after)))


def how_to_answer(workspace: Workspace, row: Row[Any]) -> str:
    """The question, and the two commands that answer it."""
    config = workspace.loaded.path
    return (
        f"{workspace.pipeline.name}@v{row.version} waits for a person: `seqcls promote {config} --yes --why TEXT` "
        f"promotes it, `seqcls promote {config} --no --why TEXT` does not"
    )


def open_question(workspace: Workspace) -> Row[Any]:
    """The decision that waits; ConfigRefused if none does."""
    row = find_question(workspace)
    if row is None:
        raise ConfigRefused(
            "no decision waits for a person", where=workspace.pipeline.name,
            expected='a version that passed the gate with promote.approval = "person", and no answer yet',
            next_step=f"`seqcls models {workspace.loaded.path}` lists versions and decisions",
        )  # fmt: skip
    return row


def decline(workspace: Workspace, version: ModelVersion, row: Row[Any], why: str, who: str = "") -> None:
    """A person's no."""
    record_decision(workspace, version, decision_of(workspace, row), DECLINED, why, who)


def decision_of(workspace: Workspace, row: Row[Any]) -> Decision:
    """What the gate had found when it was asked."""
    found, name = read_decision(workspace, row), workspace.pipeline.name
    champion = f"{name}@v{found.champion}" if found.champion else None
    return Decision(
        model=f"{name}@v{found.version}", champion=champion, checks=found.checks, comparison=found.comparison
    )


def answered_before(workspace: Workspace, version: ModelVersion, champion: ModelVersion | None) -> Check | None:
    """A rule that fails, if a person's no, or no answer, still holds: nobody is asked the same thing twice."""
    last = last_about(workspace, version)
    if last is None or last.state not in (DECLINED, EXPIRED):
        return None
    if last.champion != (champion.version if champion else None):
        return None
    return Check(
        rule="a person's yes",
        passed=False,
        found=one_line(f"{last.state} by {last.who}: {last.why}"),
        expected=f"a yes; `seqcls promote {workspace.loaded.path} --version {version.version}` promotes it after all",
    )
