"""From a row's id back to everything that made its score. In: an id. Out: one dict for each time it was scored; `state`
says which of them counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import Row

from seqcls.errors import Corrupted, DataRefused
from seqcls.ledger.chunks import done_chunks, list_inputs
from seqcls.ledger.decisions import list_decisions
from seqcls.ledger.models import ModelVersion
from seqcls.registry.decisions import FORCED, PROMOTED, describe_decision, read_decision
from seqcls.registry.versions import find_version
from seqcls.scoring.current import list_scorings
from seqcls.scoring.origins import find_origins
from seqcls.scoring.stored import StoredChunk, open_chunk
from seqcls.store.artefacts import read_manifest
from seqcls.store.failpoints import failpoint
from seqcls.store.parquet import read_parquet
from seqcls.workspace import Workspace


def find_lineage(
    workspace: Workspace, row_id: str, damage: list[Corrupted] | None = None
) -> list[dict[str, Any]]:  # fmt: skip
    """Look through the committed chunks of the pipeline; every artefact that is read is verified.

    `damage` gathers the chunks that cannot be read; without it the first one is raised. Chunks are listed before all
    else: of one that another run commits meanwhile nothing is said yet.
    """
    chunks = done_chunks(workspace.ledger, workspace.pipeline.name)
    failpoint("chunks_listed")
    inputs = {row.input_digest: row for row in list_inputs(workspace.ledger, workspace.pipeline.name)}
    states = {
        (item.input_digest, chunk.scores_digest): item.state
        for item in sorted(list_scorings(workspace), key=lambda item: item.current)
        for chunk in item.chunks
    }
    found: list[dict[str, Any]] = []
    for chunk in chunks:
        state = states.get((chunk.input_digest, chunk.scores_digest), "given up just now: it is scored again")
        try:
            stored = open_chunk(workspace, chunk)
        except Corrupted as error:
            if damage is None:
                raise
            damage.append(error)
            continue
        for outcome, path in (("scored", stored.scores), ("rejected", stored.rejects)):
            table = read_parquet(path)
            for row in table.filter(pc.equal(table["id"], row_id)).to_pylist():
                source = inputs[chunk.input_digest]
                found.append(_describe(workspace, row, outcome, chunk, source, state, stored))
    found = found or find_origins(workspace, row_id)
    if not found and not damage:
        raise DataRefused(
            f"no row with id {row_id!r} was scored, rejected or trained on",
            where=workspace.pipeline.name,
            expected="an id of a score file, or FILE:ROW where rows have no ids of their own",
            next_step="ids stand in the first column of the score files",
        )
    return found


def _describe(
    workspace: Workspace, row: dict[str, Any], outcome: str, chunk: Row[Any], source: Row[Any], state: str,
    stored: StoredChunk,
) -> dict[str, Any]:  # fmt: skip
    version = find_version(workspace, chunk.model_version)
    if outcome == "scored" and row["label"] is None:
        outcome = "abstained"
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
        "engine": _engine(stored.manifest["meta"]),
        "training run": version.run_id,
        "evaluation": version.evaluation_digest,
        **{f"training {kind}": digest for kind, digest in version.inputs.items()},
        "training files": _training_files(workspace, version),
        "decision": _decision(workspace, version),
    }


def _decision(workspace: Workspace, version: ModelVersion) -> str:
    """The last word about the version that made it champion: whose it was, with the figures."""
    about = list_decisions(workspace.ledger, version.pipeline)
    own = [row for row in about if row.version == version.version and row.state in (PROMOTED, FORCED)]
    if not own:
        return "none written down: of an earlier release, or the version was never champion"
    try:
        found = read_decision(workspace, own[-1]).comparison
    except Corrupted as error:
        return f"{describe_decision(own[-1])}; its figures are lost: {error.found} in {error.where}"
    figures = (
        f"; {found.metric} {found.challenger:.4f} and {found.champion:.4f} on {found.rows} rows, "
        f"difference {found.difference:+.4f} (95 % {found.low:+.4f} to {found.high:+.4f})"
        if found
        else ""
    )
    return f"{describe_decision(own[-1])}{figures} (digest {own[-1].digest})"


def _training_files(workspace: Workspace, version: ModelVersion) -> str:
    try:
        files = read_manifest(workspace.store.ref("table", version.inputs["table"]))["meta"]["files"]
    except Corrupted as error:
        return f"not known: {error.found} in {error.where}"
    return ", ".join(f"{file['name']} ({file['digest'][:16]})" for file in files)


def _engine(meta: dict[str, Any]) -> str:
    """What computed the scores of a chunk, and what became of its near ties."""
    name, margin = meta.get("engine", "torch"), meta.get("margin", 0.0)  # not written before there were others
    return f"{name}, near ties (within {margin:.4f}) by torch" if margin else name
