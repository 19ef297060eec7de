"""From a row's id back to everything that made its score. In: an id. Out: one dict for each time it was scored; `state`
says which of them counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Row

from seqcls.artefacts import read_manifest, verify
from seqcls.errors import DataRefused
from seqcls.ledger.chunks import done_chunks, list_inputs
from seqcls.parquet import read_parquet
from seqcls.registry.versions import find_version
from seqcls.scoring.current import list_scorings
from seqcls.scoring.origins import find_origins
from seqcls.workspace import Workspace


def find_lineage(workspace: Workspace, row_id: str) -> list[dict[str, Any]]:
    """Look through the committed chunks of the pipeline; every artefact named is verified."""
    inputs = {row.input_digest: row for row in list_inputs(workspace.ledger, workspace.pipeline.name)}
    states = {
        (item.input_digest, chunk.scores_digest): item.state
        for item in sorted(list_scorings(workspace), key=lambda item: item.current)
        for chunk in item.chunks
    }
    found: list[dict[str, Any]] = []
    for chunk in done_chunks(workspace.ledger, workspace.pipeline.name):
        ref = workspace.store.ref("scores", chunk.scores_digest)
        verify(ref)
        for outcome, name in (("scored", "scores"), ("rejected", "rejects")):
            table = read_parquet(ref.folder / f"{name}.parquet")
            for row in table.filter(pc.equal(table["id"], row_id)).to_pylist():
                state = states[(chunk.input_digest, chunk.scores_digest)]
                found.append(_describe(workspace, row, outcome, chunk, inputs[chunk.input_digest], state))
    found = found or find_origins(workspace, row_id)
    if not found:
        raise DataRefused(
            f"no row with id {row_id!r} was scored, rejected or trained on",
            where=workspace.pipeline.name,
            expected="an id of a score file, or FILE:ROW where rows have no ids of their own",
            next_step="ids stand in the first column of the score files",
        )
    return found


def _describe(
    workspace: Workspace, row: dict[str, Any], outcome: str, chunk: Row[Any], source: Row[Any], state: str
) -> dict[str, Any]:
    version = find_version(workspace, chunk.model_version)
    if outcome == "scored" and row["label"] is None:
        outcome = "abstained"
    meta = read_manifest(workspace.store.ref("scores", chunk.scores_digest))["meta"]
    training = read_manifest(workspace.store.ref("table", version.inputs["table"]))["meta"]["files"]
    return {
        "id": row["id"],
        "outcome": outcome,
        "result": "; ".join(row["reasons"]) if outcome == "rejected" else row["label"],
        "state": state,
        "raw row": f"{row['source_file']}:{row['source_row']}",
        "raw file": f"{source.name} (SHA-256 {source.input_digest})",
        "scored at": datetime.fromtimestamp(chunk.committed_at, UTC).isoformat(),
        "scoring run": chunk.run_id,
        "score file": str(workspace.output / chunk.published_as),
        "score digest": chunk.scores_digest,
        "model": f"{version.name} (digest {version.model_digest})",
        "engine": _engine(meta),
        "training run": version.run_id,
        "evaluation": version.evaluation_digest,
        **{f"training {kind}": digest for kind, digest in version.inputs.items()},
        "training files": ", ".join(f"{file['name']} ({file['digest'][:16]})" for file in training),
    }


def _engine(meta: dict[str, Any]) -> str:
    """What computed the scores of a chunk, and what became of its near ties."""
    name, margin = meta.get("engine", "torch"), meta.get("margin", 0.0)  # not written before there were others
    return f"{name}, near ties (within {margin:.4f}) by torch" if margin else name
