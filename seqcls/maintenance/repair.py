"""`seqcls doctor --repair`: a lost or damaged ledger is rebuilt from the manifests of the artefacts.

In: a pipeline file. Out: what was done, in sentences. Promise: the damaged file is copied beside it, and the copy
verified, before anything changes; the new ledger takes its place whole, by one rename; chunks that were scored are
known again, so nothing is scored twice; the champion and who moved it and why come from the journal of its moves. What
no artefact says is lost: the history of runs, and which stages can be skipped (they run again and find their results).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from seqcls.config import LoadedPipeline, load_pipeline
from seqcls.errors import Corrupted
from seqcls.ledger.chunks import sum_chunks
from seqcls.ledger.database import LEDGER, Database, open_database, open_file
from seqcls.ledger.decisions import restore_decisions
from seqcls.ledger.schema import alias_changes, aliases, chunks, inputs, models
from seqcls.listener import Listener
from seqcls.maintenance.evidence import Evidence, Version, gather, number_versions
from seqcls.maintenance.restored_chunks import add_chunks, rescored_with_of
from seqcls.maintenance.restored_names import restore_names
from seqcls.registry.journal import WHO, restore_aliases
from seqcls.registry.versions import CHAMPION
from seqcls.store.artefacts import ArtefactStore, file_digest
from seqcls.store.durable import fsync_folder
from seqcls.store.failpoints import failpoint
from seqcls.workspace import output_folder


def repair(config: Path, listener: Listener) -> None:
    """Rebuild the ledger of a pipeline's store, or add to it what it does not know."""
    loaded = load_pipeline(config)
    path = loaded.store / LEDGER
    evidence = gather(ArtefactStore(loaded.store), listener)
    output = output_folder(config)
    if loaded.pipeline.ledger_env or is_whole(path):
        database = open_database(loaded.store, loaded.pipeline.ledger_env, rebuild=True)
        try:
            _fill(database, evidence, loaded, output, listener)
        finally:
            database.close()
        return
    if path.exists():
        listener.note(f"the ledger is damaged; it is kept as {_save(path).name}")
    else:
        listener.note("the ledger is gone")
    _rebuild(path, evidence, loaded, output, listener)


def is_whole(path: Path) -> bool:
    """Whether SQLite finds no fault in a ledger; looks at a copy, since opening a damaged file may change it."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tmp-") as name:
        for source in _files(path):
            shutil.copyfile(source, Path(name) / source.name)
        connection = sqlite3.connect(Path(name) / path.name)
        try:
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
            return answer == "ok" and bool(connection.execute("SELECT value FROM settings").fetchall())
        except sqlite3.DatabaseError:
            return False
        finally:
            connection.close()


def _save(path: Path) -> Path:
    """Copy the damaged ledger (and its log) beside it, under a name with its digest; verified."""
    kept = path.with_name(f"{path.name}.damaged-{file_digest(path)[:12]}")
    for source in _files(path):
        target = kept.with_name(kept.name + source.name.removeprefix(path.name))
        shutil.copyfile(source, target)
        with open(target, "rb") as file:
            os.fsync(file.fileno())
        if file_digest(target) != file_digest(source):
            raise Corrupted("the copy of the ledger differs from it", where=str(target), next_step="check the disk")
    fsync_folder(path.parent)
    failpoint("ledger_saved")
    return kept


def _rebuild(path: Path, evidence: Evidence, loaded: LoadedPipeline, output: Path, listener: Listener) -> None:
    """Build the new ledger under another name, then put it in place."""
    fresh = path.with_name(f"{path.name}.rebuilding")
    for leftover in _files(fresh):
        leftover.unlink()
    database = open_file(fresh)
    try:
        _fill(database, evidence, loaded, output, listener)
    finally:
        database.close()  # SQLite writes its log into the file and removes it
    failpoint("ledger_rebuilt")
    for source in _files(path)[1:]:
        source.unlink()  # the log of the old file must not be replayed into the new one
    os.replace(fresh, path)
    fsync_folder(path.parent)


def _files(path: Path) -> list[Path]:
    return [item for item in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))) if item.exists()]


def _fill(database: Database, evidence: Evidence, loaded: LoadedPipeline, output: Path, listener: Listener) -> None:
    """Add what is missing, in one transaction."""
    numbers = number_versions(evidence)

    def work(connection: Connection) -> list[str]:
        # A ledger with rows knows what was committed; only files that were published prove that it is too old.
        published_only = connection.execute(select(models.c.version)).first() is not None
        added = _add_models(connection, evidence, numbers)
        scored = add_chunks(connection, evidence, loaded.pipeline.name, output, published_only)
        _add_inputs(connection, evidence)
        names = restore_names(connection, evidence)
        restored = restore_aliases(connection, evidence.moves)
        if decided := restore_decisions(connection, evidence.decisions):
            restored.append(f"{decided} decisions of the gate taken from their artefacts")
        champions = _add_champions(connection, evidence, numbers, database)
        return [f"added {added} versions, {scored} scored chunks", *names, *restored, *champions]

    for line in database.transact(work):
        listener.note(line)
    for line in evidence.unusable:
        listener.note(f"not usable: {line}")


def _add_models(connection: Connection, evidence: Evidence, numbers: dict[Version, int]) -> int:
    known = {(row.pipeline, row.model_digest, row.evaluation_digest) for row in connection.execute(select(models))}
    taken = {(row.pipeline, row.version) for row in connection.execute(select(models))}
    new = [key for key in evidence.versions if key not in known and (key[0], numbers[key]) not in taken]
    for pipeline, model, evaluation in new:
        connection.execute(
            insert(models).values(
                pipeline=pipeline, version=numbers[(pipeline, model, evaluation)], model_digest=model,
                evaluation_digest=evaluation, run_id="rebuilt", **evidence.versions[(pipeline, model, evaluation)],
            )
        )  # fmt: skip
    return len(new)


def _add_inputs(connection: Connection, evidence: Evidence) -> None:
    """Inputs of the chunks: done when their rows add up, else open with the chunks that they had."""
    known = {(row.pipeline, row.input_digest, row.rescored_with) for row in connection.execute(select(inputs))}
    rows = list(connection.execute(select(chunks).where(chunks.c.state == "done")))
    for _, manifest in evidence.chunks:
        meta, facts, digest = manifest["meta"], manifest["meta"]["input"], manifest["inputs"]["file"]
        which = (meta["pipeline"], digest, rescored_with_of(manifest))
        own = [row for row in rows if _belongs(row, which)]
        if which in known or not own:
            continue
        known.add(which)
        counts = sum_chunks(own)
        is_done = counts.rows_in == facts["rows_in"]
        name = {"pipeline": meta["pipeline"], "input_digest": digest, "name": facts["name"]}
        when = facts.get("seen_at", meta["scored_at"])
        connection.execute(
            insert(inputs).values(
                **name, rescored_with=which[2], state="done" if is_done else "open", detail="", day=facts.get("day"),
                checked_digest=manifest["inputs"]["checked"], chunk_rows=facts["chunk_rows"], seen_at=when,
                **(asdict(counts) if is_done else {}),
            )
        )  # fmt: skip


def _belongs(row: Row[Any], which: tuple[str, str, int]) -> bool:
    """Whether a chunk is part of a scoring: also of a re-scoring whose version had scored it at first."""
    pipeline, digest, rescored_with = which
    at_first = row.rescored_with == 0 and row.model_version == rescored_with
    return (row.pipeline, row.input_digest) == (pipeline, digest) and (row.rescored_with == rescored_with or at_first)


def _add_champions(
    connection: Connection, evidence: Evidence, numbers: dict[Version, int], database: Database
) -> list[str]:
    """The version that the newest scores used becomes champion where there is none, and no journal."""
    newest = {manifest["meta"]["pipeline"]: manifest["meta"]["model_version"] for _, manifest in evidence.chunks}
    there = {row.pipeline: row.version for row in connection.execute(select(aliases))}
    written = {entry.move.pipeline for entry in evidence.moves}
    said = [
        f"{pipeline}: champion stays v{version}, the newest scores used v{newest[pipeline]}; `seqcls promote` moves it"
        for pipeline, version in there.items()
        if newest.get(pipeline, version) != version and pipeline not in written
    ]
    for pipeline in sorted({key[0] for key in evidence.versions} - there.keys()):
        version = newest.get(pipeline)
        if version not in [numbers[key] for key in evidence.versions if key[0] == pipeline]:
            said.append(f"{pipeline}: no scores say who was champion; choose with `seqcls promote CONFIG --version N`")
            continue
        move = {"pipeline": pipeline, "alias": CHAMPION, "counter": 1}
        connection.execute(insert(aliases).values(**move, version=version))
        connection.execute(
            insert(alias_changes).values(
                **move, from_version=None, to_version=version, who=WHO, why="the newest scores used it",
                changed_at=database.now(connection),
            )
        )  # fmt: skip
        said.append(f"{pipeline}: champion is v{version}, which the newest scores used; `seqcls promote` changes it")
    return said
