"""Tasks: `checked` -> `splits`; `checked` + `splits` -> `encoded` Parquet."""

from __future__ import annotations

from prefect import task

from seqcls.artefacts import Ref, read_manifest
from seqcls.stages import StageResult, encode_stage, split_stage
from seqcls.workspace import open_workspace
from tasks.policy import HOUR, STAGE
from tasks.show import show_table


@task(**STAGE, timeout_seconds=2 * HOUR)
def split(config: str, checked: Ref) -> StageResult:
    """Divide the rows into train, valid and test."""
    with open_workspace(config) as workspace:
        result = split_stage(workspace, checked)
        counts = read_manifest(result.ref)["meta"]["counts"]
        rows = [{"split": name, "rows": sum(classes.values()), **classes} for name, classes in counts.items()]
        show_table(workspace.pipeline.name, "splits", rows, "Rows of each split, by class")
        return result


@task(**STAGE, timeout_seconds=6 * HOUR)
def encode(config: str, checked: Ref, splits: Ref) -> StageResult:
    """Fit the encoder on the training split, encode every row."""
    with open_workspace(config) as workspace:
        result = encode_stage(workspace, checked, splits)
        meta = read_manifest(result.ref)["meta"]
        rows = [
            {
                "split": name,
                "rows": count,
                "truncated": meta["truncated"][name],
                "unknown share": meta["unknown_share"][name],
            }
            for name, count in meta["rows"].items()
        ]
        show_table(workspace.pipeline.name, "encoded", rows, f"Encoded Parquet: {result.ref.path}")
        return result
