"""Thousands of kills on the storage protocol: claim, artefact, commit, publish, in small processes without torch.

Each trial forks one process (every fourth time two that compete), lets it work for a random 0 to 60 ms and kills it.
Then: every visible artefact verifies, every published file is a committed chunk, no row occurs twice, and whatever a
process was told to be committed still is, under the same digest.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from seqcls.config import load_pipeline
from seqcls.ledger.chunks import ChunkResult, claim_chunk, commit_chunk, done_chunks
from seqcls.ledger.database import open_database
from seqcls.scoring.publish import publish, remove_traces
from seqcls.store.artefacts import ArtefactStore
from seqcls.store.owner import is_gone, this_process
from seqcls.store.parquet import write_parquet
from seqcls.table import ScoreCounts
from seqcls.workspace import Workspace, open_workspace
from tests.reliability.invariants import Books, count_visible
from tests.road_data import write_project

TRIALS_PER_STORE = 40
SECONDS = 0.06
CHUNKS = 100_000
# In memory where there is such a disk: a kill does not lose what was written, so nothing is missed and more is tried.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
DIGEST = "ab" * 32


@dataclass
class Tally:
    """What the trials came to."""

    kills: int = 0
    competing: int = 0
    commits: int = 0
    forgotten: int = 0
    """Commits that were acknowledged and are gone or changed."""
    left: int = 0
    """Temporary files that the next run did not clear."""
    failed: int = 0
    """Processes that ended before they were killed: an exception."""
    books: Books = field(default_factory=Books)


def run_trials(count: int, seed: int, deadline: float) -> Tally:
    """At most `count` kills, until the deadline (time.monotonic)."""
    rng = random.Random(seed)
    tally = Tally()
    _warm_up()
    while tally.kills < count and time.monotonic() < deadline:
        with tempfile.TemporaryDirectory(dir=MEMORY) as name:
            _run_store(Path(name), min(TRIALS_PER_STORE, count - tally.kills), rng, tally)
    return tally


def _run_store(folder: Path, trials: int, rng: random.Random, tally: Tally) -> None:
    config = write_project(folder, rows=1)
    acknowledged: dict[int, str] = {}
    for _ in range(trials):
        reader, writer = os.pipe()
        crowd = 2 if rng.random() < 0.25 else 1
        workers = [_fork(config, writer) for _ in range(crowd)]
        os.close(writer)
        if rng.random() < 0.8:  # else it is killed while it opens the store
            select.select([reader], [], [], 5.0)
        time.sleep(rng.uniform(0.0, SECONDS))
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        for pid in workers:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            tally.failed += status != -signal.SIGKILL
        with os.fdopen(reader) as lines:
            told = [line.split() for line in lines.read().splitlines()]
        tally.kills += crowd
        tally.competing += crowd == 2
        tally.commits += len(told)
        for chunk, digest in (pair for pair in told if len(pair) == 2 and len(pair[1]) == 64):
            tally.forgotten += acknowledged.setdefault(int(chunk), digest) != digest
        if (folder / "store" / "ledger.db").is_file():
            tally.books += count_visible(config)
        if acknowledged:
            tally.forgotten += _count_forgotten(config, acknowledged)
    with open_workspace(config) as workspace:
        remove_traces(workspace.store, workspace.output)
        publish(workspace)
        done = {chunk.chunk for chunk in done_chunks(workspace.ledger, workspace.pipeline.name)}
    tally.left += sum(1 for _ in folder.rglob(".tmp-*"))
    tally.books += count_visible(config)
    files = Counter(path.name for path in (folder / "scores").rglob("part-*.parquet"))
    tally.books += Books(lost=len(done) - len(files), duplicated=sum(files.values()) - len(files))


def _warm_up() -> None:
    """Work undisturbed for a while in this process, so that its children need not import and compile first."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        _work(write_project(Path(name), rows=1), os.open(os.devnull, os.O_WRONLY), chunks=5)


def _count_forgotten(config: Path, acknowledged: dict[int, str]) -> int:
    with sqlite3.connect(config.parent / "store" / "ledger.db") as connection:
        rows = dict(connection.execute("SELECT chunk, scores_digest FROM chunks WHERE state = 'done'"))
    connection.close()
    return sum(rows.get(chunk) != digest for chunk, digest in acknowledged.items())


def _fork(config: Path, writer: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _work(config, writer)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def _work(config: Path, writer: int, chunks: int = CHUNKS) -> None:
    """Score chunk after chunk, as `seqcls score` does, with one made-up row each, until killed."""
    loaded = load_pipeline(config)
    workspace = Workspace(loaded, ArtefactStore(loaded.store), open_database(loaded.store))
    name = loaded.pipeline.name
    remove_traces(workspace.store, workspace.output)
    done = {chunk.chunk for chunk in done_chunks(workspace.ledger, name)}
    os.write(writer, b"open\n")
    for number in range(chunks):
        if number in done:
            continue
        claim = claim_chunk(workspace.ledger, name, DIGEST, number, this_process(), 900.0, is_gone)
        if claim is None:
            continue
        run_id = f"{os.getpid()}-{time.monotonic_ns()}"
        table = pa.table({"id": [f"{number}"], "source_file": ["soak"], "source_row": [number], "run_id": [run_id]})
        with workspace.store.write("scores") as draft:
            write_parquet(draft.folder / "scores.parquet", table)
            write_parquet(draft.folder / "rejects.parquet", table.slice(0, 0))
            draft.meta |= {"chunk": number, "rejected": 0}
        place = f"model=v1/scored_on=2026-01-01/part-{number:05d}.parquet"
        if commit_chunk(workspace.ledger, claim, ChunkResult(1, draft.ref.digest, ScoreCounts(1, 1), run_id, place)):
            os.write(writer, f"{number} {draft.ref.digest}\n".encode())
        publish(workspace)
    workspace.ledger.close()
