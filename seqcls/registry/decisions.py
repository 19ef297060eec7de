"""The decisions about versions, as artefacts: every rule's figure, both models' figures, who decided, and why.

In: what the gate found and what came of it. Out: an artefact `decision` without files, and a row of the ledger that
names it. Refusals are kept too. The same answer to the same question is written once.
"""

from __future__ import annotations

import getpass
from typing import Any

from sqlalchemy import Row

from seqcls.errors import Corrupted
from seqcls.ledger.decisions import NewDecision, add_decision, list_decisions
from seqcls.ledger.models import ModelVersion
from seqcls.registry.gate import Decision
from seqcls.store.artefacts import Ref, read_meta
from seqcls.store.manifest import parse_meta
from seqcls.store.records import DecisionMeta
from seqcls.workspace import Workspace

KIND = "decision"
PROMOTED, FORCED, REFUSED, PASSED = "promoted", "forced", "refused", "passed"
WAITING, DECLINED, EXPIRED = "waiting", "declined", "expired"
STATES = {
    PROMOTED: "promoted: every rule was kept",
    FORCED: "promoted by a person against the gate",
    REFUSED: "not promoted",
    WAITING: "waits for a person's yes or no",
    DECLINED: "declined by a person",
    EXPIRED: "not promoted: nobody answered in time",
    PASSED: "every rule was kept; promotion is by hand here",
}


def record_decision(
    workspace: Workspace, version: ModelVersion, decision: Decision, state: str, why: str, who: str = ""
) -> None:
    """Write it down, unless the last decision about this version says the same."""
    champion = None if decision.champion is None else int(decision.champion.rpartition("@v")[2])
    new = NewDecision(version.pipeline, version.version, champion, state, who or getpass.getuser(), why)
    last = last_about(workspace, version)
    if last is not None and _is_same(workspace, last, new, decision):
        return

    def write(number: int, now: float) -> str:
        record = DecisionMeta(
            **new.__dict__, number=number, decided_at=now, checks=decision.checks, comparison=decision.comparison
        )
        with workspace.store.write(KIND) as draft:
            draft.describe(record)
            # not under the names of their kinds: a refused model is not kept for its refusal
            draft.inputs |= {"of_model": version.model_digest, "of_evaluation": version.evaluation_digest}
        return draft.ref.digest

    add_decision(workspace.ledger, new, write)


def last_about(workspace: Workspace, version: ModelVersion) -> Row[Any] | None:
    """The newest decision about a version."""
    found = [row for row in list_decisions(workspace.ledger, version.pipeline) if row.version == version.version]
    return found[-1] if found else None


def read_decision(workspace: Workspace, row: Row[Any]) -> DecisionMeta:
    """Every figure of a decision; Corrupted where its artefact is damaged or gone."""
    return read_meta(workspace.store.whole(KIND, row.digest), DecisionMeta)


def ledger_row(ref: Ref, manifest: dict[str, Any]) -> dict[str, Any]:
    """A verified manifest as a row of the ledger."""
    record = parse_meta(ref, manifest, DecisionMeta).model_dump(exclude={"checks", "comparison"})
    return {**record, "digest": ref.digest}


def describe_decision(row: Row[Any]) -> str:
    """In a line, for people."""
    against = f", compared with v{row.champion}" if row.champion else ""
    return f"v{row.version} {STATES.get(row.state, row.state)}{against} (by {row.who}: {row.why})"


def _is_same(workspace: Workspace, last: Row[Any], new: NewDecision, decision: Decision) -> bool:
    if (last.state, last.champion) != (new.state, new.champion):
        return False
    try:
        return read_decision(workspace, last).checks == decision.checks
    except Corrupted:
        return False
