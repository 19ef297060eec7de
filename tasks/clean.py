"""Task: delete what nothing needs, as `seqcls gc`."""

from __future__ import annotations

from typing import Any

from prefect import task

from seqcls.maintenance.gc import DAY, Collection, collect_garbage
from seqcls.workspace import open_workspace
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_table


@task(**STAGE, timeout_seconds=6 * HOUR)
def clean(config: str, keep: int | None, age: float, dry_run: bool) -> dict[str, Any]:
    """The artefacts that went, or would go, are a table in the UI."""
    with open_workspace(config) as workspace:
        found = collect_garbage(workspace, keep=keep, age_seconds=age * DAY, dry_run=dry_run)
        done = f"{'would go' if dry_run else 'deleted'}: {len(found.garbage)} artefacts, {found.bytes:,} bytes"
        show_table(workspace.pipeline.name, "clean", lambda: _rows(found), lambda: done)
        return {"artefacts": len(found.garbage), "bytes": found.bytes, "kept": found.kept, "dry_run": dry_run}


def _rows(found: Collection) -> list[dict[str, Any]]:
    rows = [{"kind": item.ref.kind, "digest": item.ref.digest[:16], "bytes": item.bytes} for item in found.garbage]
    return rows or [{"kind": "nothing"}]
