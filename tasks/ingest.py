"""Task: training files -> `table`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task

from seqcls.config import AnyConfig
from seqcls.messages import plural
from seqcls.stages import INGEST, StageResult, run
from seqcls.store.artefacts import Ref, read_meta
from seqcls.store.records import TableMeta
from seqcls.workspace import open_workspace
from seqcls_tasks.listener import RunLog
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_table


@task(**STAGE, timeout_seconds=6 * HOUR)
def ingest(config: AnyConfig, made: dict[str, Ref]) -> StageResult:
    """Read every training file; each row becomes a table row or a reject."""
    with open_workspace(config, RunLog()) as workspace:
        result = run(workspace, INGEST, made)
        table, outcome = result.ref, result.outcome
        show_table(workspace.pipeline.name, "files", lambda: _rows(table), lambda: f"{_counts(table)}; {outcome}")
        return result


def _rows(table: Ref) -> list[dict[str, Any]]:
    """The columns that people look for, names first; digests are in the manifest."""
    named = {"rows_in": "rows in", "accepted": "accepted", "rejected": "rejected", "split": "split"}
    return [
        {"file": Path(file.name).name}
        | {shown: value for name, shown in named.items() if (value := getattr(file, name)) not in (None, "")}
        | {"path": file.name}
        for file in read_meta(table, TableMeta).files
    ]


def _counts(table: Ref) -> str:
    meta = read_meta(table, TableMeta)
    books = f"{meta.rows_in} rows in, {meta.accepted} accepted, {meta.rejected} rejected"
    return f"{plural(len(meta.files), 'file')}, {books}"
