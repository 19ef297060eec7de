"""Committed chunks of scores, for a ledger that is rebuilt or completed.

In: a transaction, the evidence of the artefacts, the score folder. Out: rows of `chunks`. Promise: what readers have
counts: of two scorings of a chunk, the one that was published; what a rebuilt ledger calls published stands there byte
for byte, all else is published by the next run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select

from seqcls.ledger.schema import chunks, inputs
from seqcls.maintenance.evidence import Evidence, chunk_order
from seqcls.scoring.score_folder import rejects_place
from seqcls.store.artefacts import Ref, file_digest


def add_chunks(connection: Connection, evidence: Evidence, pipeline: str, output: Path, published_only: bool) -> int:
    """One artefact a chunk: the one that was published, else the last one written."""
    best: dict[tuple[str, str, int, int], tuple[Ref, dict[str, Any], bool]] = {}
    for ref, manifest in evidence.chunks:
        meta = manifest["meta"]
        key = (meta["pipeline"], manifest["inputs"]["file"], rescored_with_of(manifest), meta["chunk"])
        published = meta["pipeline"] == pipeline and _is_published(manifest, output)
        if published or (not published_only and not best.get(key, (None, None, False))[2]):
            best[key] = (ref, manifest, published)
    done = _done_chunks(connection)
    new = {key: value for key, value in best.items() if key not in done or _gives_way(done[key], *value)}
    for (name, digest, rescored_with, number), (ref, manifest, published) in new.items():
        meta = manifest["meta"]
        books = {part: meta[part] for part in ("rows_in", "scored", "rejected", "abstained", "run_id")}
        which = {"pipeline": name, "input_digest": digest, "rescored_with": rescored_with, "chunk": number}
        mine = and_(*(chunks.c[column] == value for column, value in which.items()))
        connection.execute(delete(chunks).where(mine))  # an earlier claim, whose holder did commit; or it gives way
        connection.execute(
            insert(chunks).values(
                **which, state="done", token=1, lease_until=0.0, owner="rebuilt",
                model_version=meta["model_version"], scores_digest=ref.digest,
                committed_at=meta["scored_at"], published_as=meta["published_as"], published=int(published),
                number=chunk_order(manifest)[0], **books,
            )
        )  # fmt: skip
    return len(new)


def _done_chunks(connection: Connection) -> dict[tuple[str, str, int, int], Row[Any]]:
    """Committed chunks, with the rows that their scoring is cut from."""
    same = and_(*(inputs.c[name] == chunks.c[name] for name in ("pipeline", "input_digest", "rescored_with")))
    query = select(chunks, inputs.c.checked_digest, inputs.c.chunk_rows).join(inputs, same, isouter=True)
    found = connection.execute(query.where(chunks.c.state == "done"))
    return {(row.pipeline, row.input_digest, row.rescored_with, row.chunk): row for row in found}


def _gives_way(row: Row[Any], ref: Ref, manifest: dict[str, Any], published: bool) -> bool:
    """Whether a committed chunk was scored again by an older ledger, and not published, since the earlier scores
    stand in its place: those are what readers have. Only if both were cut from the same rows in the same way."""
    cut = (manifest["inputs"]["checked"], manifest["meta"]["input"]["chunk_rows"])
    is_other = row.scores_digest != ref.digest
    return published and not row.published and is_other and (row.checked_digest, row.chunk_rows) == cut


def rescored_with_of(manifest: dict[str, Any]) -> int:
    """0 where nothing is said: written before there was re-scoring."""
    return int(manifest["meta"].get("rescored_with", 0))


def _is_published(manifest: dict[str, Any], output: Path) -> bool:
    place, files = manifest["meta"]["published_as"], manifest["files"]
    wanted = {output / place: files["scores.parquet"]["sha256"]}
    if manifest["meta"]["rejected"]:
        wanted[output / rejects_place(place, rescored_with_of(manifest))] = files["rejects.parquet"]["sha256"]
    return all(path.is_file() and file_digest(path) == digest for path, digest in wanted.items())
