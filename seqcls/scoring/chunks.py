"""Scoring new data in chunks. In: files, the champion. Out: committed chunks and their books.

Promise: each input row ends in exactly one of scored, rejected, abstained; each chunk is committed once, by one
ledger row, under one model; killed anywhere, the next run goes on with the chunks that are missing. A chunk is
claimed at its turn; only the next one is read meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Row

from seqcls.drift import Tally
from seqcls.engines.scorer import Scorer, open_scorer
from seqcls.ledger.chunks import (
    ChunkResult,
    Claim,
    chunks_by,
    claim_chunk,
    close_input,
    commit_chunk,
    release_chunk,
    sum_chunks,
    superseded,
)
from seqcls.ledger.models import ModelVersion
from seqcls.listener import Progress
from seqcls.registry.versions import champion
from seqcls.scoring.abstaining import least_confidence
from seqcls.scoring.beside_training import tally_of
from seqcls.scoring.days import day_of_input
from seqcls.scoring.naming import name_place
from seqcls.scoring.score_table import score_rows
from seqcls.store.artefacts import Ref, read_meta
from seqcls.store.background import prefetch
from seqcls.store.failpoints import failpoint
from seqcls.store.memory import enough_memory
from seqcls.store.owner import is_gone, this_process
from seqcls.store.parquet import iterate, read_parquet, shards, write_parquet
from seqcls.store.records import CheckedMeta, ScoredFile, ScoresMeta
from seqcls.table import REJECTS, ScoreCounts
from seqcls.workspace import Workspace

LEASE_SECONDS = 900.0
Numbered = tuple[int, pa.Table]
"""A chunk: its number and its accepted rows."""


@dataclass(frozen=True)
class ScoredInput:
    """One input after this run; `complete` when every chunk is done."""

    name: str
    counts: ScoreCounts
    complete: bool
    scored_now: int
    unlike: str = ""
    """Why its rows are unlike those of the training, as far as this run scored them."""
    damaged: int = 0
    """Rows of damaged text."""


class ScorerCache:
    """The champion's scorer, opened again when the champion changes, between chunks only; or that of one version."""

    def __init__(self, workspace: Workspace, version: ModelVersion | None = None) -> None:
        self.workspace, self.version = workspace, version
        self._scorer: Scorer | None = None

    @property
    def opened(self) -> Scorer | None:
        """The one that scored last; None when there was nothing to score."""
        return self._scorer

    def current(self) -> Scorer:
        version = self.version or champion(self.workspace)
        if self._scorer is None or self._scorer.version != version:
            self._scorer = open_scorer(self.workspace, version)
        return self._scorer


def score_input(
    workspace: Workspace,
    row: Row[Any],
    scorers: ScorerCache,
    run_id: str,
) -> ScoredInput:
    """Score the chunks of an opened input, or of its re-scoring, that nobody has done or holds."""
    name, digest, rescored_with = workspace.pipeline.name, row.input_digest, row.rescored_with
    checked = workspace.store.whole("checked", row.checked_digest)
    meta = read_meta(checked, CheckedMeta)
    rows_in = meta.rows_in
    done = {chunk.chunk for chunk in chunks_by(workspace.ledger, name, digest, rescored_with)}
    file = ScoredFile(
        name=row.name, chunk_rows=row.chunk_rows, rows_in=rows_in, day=day_of_input(row).isoformat(),
        seen_at=row.seen_at, supersedes=superseded(workspace.ledger, name, digest, rescored_with),
    )  # fmt: skip
    scored_now = held = 0
    tally = tally_of(workspace, scorers.version or champion(workspace))
    with closing(read_ahead(cut_chunks(checked, row.chunk_rows))) as chunks:
        for number, rows in chunks:
            if number in done:
                continue
            claim = claim_chunk(
                workspace.ledger, name, digest, number, this_process(), LEASE_SECONDS, is_gone, rescored_with
            )
            if claim is None:
                held += 1
                continue
            failpoint("chunk_claimed")
            with enough_memory("scoring", "lower score.batch_size or score.chunk_rows"):
                result = _score_chunk(workspace, claim, checked, rows, scorers.current(), run_id, file, tally)
            if result is None:
                held += 1
                continue
            scored_now += result.counts.scored + result.counts.abstained
            committed = min((number + 1) * row.chunk_rows, rows_in)
            workspace.listener.progress(
                Progress("score", committed, rows_in, f"{row.name}: {committed} rows committed")
            )
    closed = _close(workspace, row, rows_in, complete=held == 0, scored_now=scored_now)
    return replace(closed, unlike=tally.sentence if tally else "", damaged=meta.checks.get("damaged_text", 0))


def read_ahead(chunks: Iterator[Numbered]) -> Generator[Numbered, None, None]:
    """The same chunks, each within the memory that there is; the next one is read while one is scored."""

    def read() -> Iterator[Numbered]:
        while True:
            with enough_memory("scoring", "lower score.chunk_rows"):
                found = next(chunks, None)
            if found is None:
                return
            yield found

    return prefetch(read(), depth=1)


def cut_chunks(checked: Ref, chunk_rows: int) -> Iterator[Numbered]:
    """(number, accepted rows) of exactly `chunk_rows` rows, the last one shorter; at least one, maybe without rows."""
    waiting: list[pa.Table] = []
    number = rows = 0
    for table in iterate(shards(checked.folder / "rows"), rows=chunk_rows):
        waiting.append(table)
        rows += table.num_rows
        while rows >= chunk_rows:
            whole = pa.concat_tables(waiting)
            yield number, whole.slice(0, chunk_rows)
            number, waiting, rows = number + 1, [whole.slice(chunk_rows)], rows - chunk_rows
    if rows or number == 0:
        yield number, pa.concat_tables(waiting) if waiting else read_parquet(shards(checked.folder / "rows"))


def _score_chunk(
    workspace: Workspace,
    claim: Claim,
    checked: Ref,
    rows: pa.Table,
    scorer: Scorer,
    run_id: str,
    file: ScoredFile,
    tally: Tally | None,
) -> ChunkResult | None:
    """Score, write the artefact, commit; None when the claim was lost meanwhile."""
    try:
        now = datetime.now(UTC)
        early = read_parquet(checked.folder / "rejects.parquet") if claim.chunk == 0 else REJECTS.empty_table()
        scores, late = score_rows(rows, scorer, least_confidence(workspace, scorer.version), run_id, now, tally)
        result = _write(
            workspace, claim, scores, pa.concat_tables([early, late]), rows.num_rows + early.num_rows, scorer,
            run_id, now, file, checked,
        )  # fmt: skip
        failpoint("chunk_scored")
        committed = commit_chunk(workspace.ledger, claim, result)
        failpoint("chunk_committed")
        return result if committed else None
    except BaseException:  # also when interrupted: the next runner, maybe elsewhere, need not wait for the lease
        release_chunk(workspace.ledger, claim)
        raise


def _write(
    workspace: Workspace, claim: Claim, scores: pa.Table, rejects: pa.Table, rows_in: int, scorer: Scorer,
    run_id: str, now: datetime, file: ScoredFile, checked: Ref,
) -> ChunkResult:  # fmt: skip
    """A chunk's artefact, and what the ledger will say of it; the rejects of the checks come with chunk 0.

    All of it stands in the manifest too, with what is known of its `file`: a lost ledger is rebuilt from there.
    """
    abstained, model = scores["label"].null_count, scorer.version
    counts = ScoreCounts(rows_in, scores.num_rows - abstained, rejects.num_rows, abstained)
    counts.require_balance(f"chunk {claim.chunk} of {claim.input_digest[:16]}")
    place = name_place(workspace, claim, model.version, now)
    with workspace.store.write("scores") as draft:
        write_parquet(draft.folder / "scores.parquet", scores)
        write_parquet(draft.folder / "rejects.parquet", rejects)
        draft.inputs |= {"file": claim.input_digest, "model": model.model_digest, "evaluation": model.evaluation_digest}
        draft.inputs["checked"] = checked.digest
        draft.describe(
            ScoresMeta(
                pipeline=claim.pipeline, chunk=claim.chunk, rescored_with=claim.rescored_with, **asdict(counts),
                model_version=model.version, run_id=run_id, published_as=place, engine=scorer.engine.name,
                margin=scorer.deferral.margin if scorer.deferral else 0.0, number=claim.number,
                scored_at=now.timestamp(), input=file,
            )
        )  # fmt: skip
    return ChunkResult(
        model_version=model.version, scores_digest=draft.ref.digest, counts=counts, run_id=run_id, published_as=place
    )


def _close(workspace: Workspace, row: Row[Any], rows_in: int, *, complete: bool, scored_now: int) -> ScoredInput:
    """Reconcile the chunks of an input, as this scoring has them, with the rows that its file had."""
    name, digest = workspace.pipeline.name, row.input_digest
    counts = sum_chunks(chunks_by(workspace.ledger, name, digest, row.rescored_with))
    complete = complete or counts.rows_in == rows_in  # another run may have done the chunks that it held
    if complete:
        replace(counts, rows_in=rows_in).require_balance(row.name)
        counts.require_balance(row.name)
        close_input(workspace.ledger, name, digest, "done", rescored_with=row.rescored_with, **asdict(counts))
        failpoint("input_closed")
    return ScoredInput(row.name, counts, complete, scored_now)
