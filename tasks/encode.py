"""Tasks: `checked` -> `splits`; `checked` + `splits` -> `encoded` Parquet."""

from __future__ import annotations

from typing import Any

from prefect import task

from seqcls.config import AnyConfig
from seqcls.stages import ENCODE, SPLIT, StageResult, run
from seqcls.store.artefacts import Ref, read_meta
from seqcls.store.records import EncodedMeta, SplitsMeta
from seqcls.workspace import open_workspace
from seqcls_tasks.listener import RunLog
from seqcls_tasks.policy import HOUR, STAGE
from seqcls_tasks.show import show_table


@task(**STAGE, timeout_seconds=2 * HOUR)
def split(config: AnyConfig, made: dict[str, Ref]) -> StageResult:
    """Divide the rows into train, valid and test."""
    with open_workspace(config, RunLog()) as workspace:
        result = run(workspace, SPLIT, made)
        show_table(
            workspace.pipeline.name, "splits", lambda: _rows_of_splits(result.ref),
            lambda: f"Rows by split and class: {_sizes(result.ref)}; {result.outcome}",
        )  # fmt: skip
        return result


@task(**STAGE, timeout_seconds=6 * HOUR)
def encode(config: AnyConfig, made: dict[str, Ref]) -> StageResult:
    """Fit the encoder on the training split, encode every row."""
    with open_workspace(config, RunLog()) as workspace:
        result = run(workspace, ENCODE, made)
        show_table(
            workspace.pipeline.name, "encoded", lambda: _rows_encoded(result.ref),
            lambda: f"{_encoded(result.ref)}; {result.outcome}",
        )  # fmt: skip
        return result


def _rows_of_splits(splits: Ref) -> list[dict[str, Any]]:
    counts = read_meta(splits, SplitsMeta).counts
    return [{"split": name, "rows": sum(classes.values()), **classes} for name, classes in counts.items()]


def _sizes(splits: Ref) -> str:
    return ", ".join(f"{row['split']} {row['rows']}" for row in _rows_of_splits(splits))


def _rows_encoded(encoded: Ref) -> list[dict[str, Any]]:
    meta = read_meta(encoded, EncodedMeta)
    return [
        {
            "split": name,
            "rows": count,
            "truncated": meta.truncated[name],
            "unknown share": f"{meta.unknown_share[name]:.2%}",
        }
        for name, count in meta.rows.items()
    ]


def _encoded(encoded: Ref) -> str:
    meta = read_meta(encoded, EncodedMeta)
    return f"{sum(meta.rows.values())} rows encoded, {sum(meta.truncated.values())} cut at encode.max_length"
