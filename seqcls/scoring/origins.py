"""A row that has no score: what became of it. In: an id. Out: one dict for each place where it is found.

Promise: rows that the checks rejected, before scoring or in training, are found with their reasons, also where the
whole file was refused; rows that models were trained or tested on are found with their split and the versions.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import Corrupted
from seqcls.ledger.models import ModelVersion, list_models
from seqcls.store.artefacts import Ref, read_manifest, verify
from seqcls.store.parquet import iterate, read_parquet, shards
from seqcls.validation.checks import read_checks
from seqcls.workspace import Workspace

ROW = ["id", "label", "source_file", "source_row"]


def find_origins(workspace: Workspace, row_id: str) -> list[dict[str, Any]]:
    """Look through what was read and checked: rejects of every input, rows of the training data."""
    trained: defaultdict[str, list[ModelVersion]] = defaultdict(list)
    for version in list_models(workspace.ledger, workspace.pipeline.name):
        trained[version.inputs["checked"]].append(version)
    found: list[dict[str, Any]] = []
    damage: list[Corrupted] = []
    for ref in workspace.store.all():
        if ref.kind != "checked":
            continue
        try:
            found += _hits(workspace, ref, row_id, trained.get(ref.digest, []))
        except Corrupted as error:  # what is whole may still say what became of the row
            damage.append(error)
    if damage and not found:
        raise damage[0]
    return found


def _hits(workspace: Workspace, ref: Ref, row_id: str, versions: list[ModelVersion]) -> list[dict[str, Any]]:
    """What one table says of the row; it is verified as soon as it says something."""
    manifest = read_manifest(ref)
    hits = _rejected(ref, manifest, row_id)
    if versions:
        hits += _trained_on(workspace, ref, manifest, row_id, versions)
    if hits:
        verify(ref)
    return hits


def _rejected(ref: Ref, manifest: dict[str, Any], row_id: str) -> list[dict[str, Any]]:
    report = read_checks(ref)
    labelled = any(check.rule == "min_rows" for check in report.checks)  # asked of training data alone
    rows = _of_id(read_parquet(ref.folder / "rejects.parquet"), row_id)
    return [
        {
            "id": row_id,
            "outcome": f"rejected {'in training' if labelled else 'before scoring'}",
            "result": "; ".join(row["reasons"]),
            **({"whole file": f"refused: {report.stopped}"} if report.stopped else {}),
            **_place(row, ref, manifest),
        }
        for row in rows.to_pylist()
    ]


def _trained_on(
    workspace: Workspace, ref: Ref, manifest: dict[str, Any], row_id: str, versions: list[ModelVersion]
) -> list[dict[str, Any]]:
    found, start = [], 0
    for table in iterate(shards(ref.folder / "rows"), ROW):
        numbered = table.append_column("number", pa.array(np.arange(start, start + table.num_rows)))
        start += table.num_rows
        for row in _of_id(numbered, row_id).to_pylist():
            used = ", ".join(f"{_split(workspace, version, row['number'])} of {version.name}" for version in versions)
            found.append(
                {"id": row_id, "outcome": "a row of the training data", "result": row["label"], "split": used}
                | _place(row, ref, manifest)
            )
    return found


def _split(workspace: Workspace, version: ModelVersion, number: int) -> str:
    splits = workspace.store.ref("splits", version.inputs["splits"])
    verify(splits)
    return str(read_parquet(splits.folder / "splits.parquet", ["split"])["split"][number].as_py() or "left out")


def _of_id(rows: pa.Table, row_id: str) -> pa.Table:
    """Rows of that id; a row whose id could not be read is found as FILE:ROW."""
    place = pc.binary_join_element_wise(rows["source_file"], rows["source_row"].cast(pa.string()), ":")
    return rows.filter(pc.or_kleene(pc.equal(rows["id"], row_id), pc.equal(place, row_id)))


def _place(row: dict[str, Any], ref: Ref, manifest: dict[str, Any]) -> dict[str, Any]:
    digest = manifest["meta"].get("sources", {}).get(row["source_file"], "not known")
    return {
        "raw row": f"{row['source_file']}:{row['source_row']}",
        "raw file": f"{row['source_file']} (SHA-256 {digest})",
        "checked": ref.digest,
    }
