"""The folder of score files: whose it is, and whether it holds what the committed chunks say.

In: the ledger, the store, the folder. Out: what is missing or changed. Cost: a night asks for size and time of each
file (a published file carries the time of the artefact that it is a copy of) and reads only those that differ; `seqcls
doctor` reads every byte.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from seqcls.errors import ConfigRefused, Corrupted
from seqcls.ledger.chunks import done_chunks
from seqcls.scoring.current import Scoring, list_scorings
from seqcls.store.artefacts import file_digest, read_manifest
from seqcls.store.durable import make_folder
from seqcls.store.parquet import read_parquet
from seqcls.store.temporary import temporary_name
from seqcls.workspace import Workspace

CURRENT = "_current.json"


def rejects_place(scores_place: str, rescored_with: int = 0) -> str:
    """Where the rejects of a chunk stand, below the output folder; those of a re-scoring by version, beside the old."""
    place = Path(scores_place)
    return f"rejects/{place if rescored_with else Path(place.parent.name) / place.name}"


def places(chunk: Row[Any]) -> dict[str, str]:
    """File of a chunk's artefact -> where its copy stands below the output folder."""
    found = {"scores.parquet": chunk.published_as}
    if chunk.rejected:
        found["rejects.parquet"] = rejects_place(chunk.published_as, chunk.rescored_with)
    return found


def is_in_place(workspace: Workspace, chunk: Row[Any]) -> bool:
    """Whether the copies of a published chunk have the size and the time of what they are copies of."""
    folder = workspace.store.ref("scores", chunk.scores_digest).folder
    return all(_alike(folder / name, workspace.output / place) for name, place in places(chunk).items())


def _alike(source: Path, target: Path) -> bool:
    try:
        ours, theirs = source.stat(), target.stat()
    except FileNotFoundError:
        return False
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def stamp(source: Path, target: Path) -> None:
    """Give a copy the time of what it is a copy of."""
    when = source.stat()
    os.utime(target, ns=(when.st_atime_ns, when.st_mtime_ns))


def compare(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Published files that are (missing, changed), every byte compared with the digests of the manifests."""
    missing, changed = [], []
    for chunk in done_chunks(workspace.ledger, workspace.pipeline.name):
        try:
            files = read_manifest(workspace.store.ref("scores", chunk.scores_digest))["files"]
        except Corrupted:  # named among the artefacts
            continue
        for name, place in places(chunk).items():
            if not (workspace.output / place).is_file():
                if chunk.published:  # else the next run publishes it
                    missing.append(place)
            elif file_digest(workspace.output / place) != files[name]["sha256"]:
                changed.append(place)
    return missing, changed


def require_own_folder(workspace: Workspace) -> None:
    """ConfigRefused where the folder holds the scores of another pipeline: each would write over the other's list."""
    owner = _owner(workspace.output)
    name = workspace.pipeline.name
    if owner not in (None, name):
        raise ConfigRefused(
            f"the folder holds the scores of pipeline {owner!r}, and this is {name!r}",
            where=f"score.output {workspace.output}",
            expected="a folder of this pipeline alone",
            next_step=f'set output = "scores-{name}" under [score] of {workspace.loaded.path}; '
            f"if {owner!r} was renamed, give it its old name back, or its versions and scores are left behind",
        )


def _owner(output: Path) -> str | None:
    """The pipeline that the list of current scores names; where it is missing or damaged, whose the first score file
    with a row is. None: the folder has no owner yet."""
    data = read_list(output / CURRENT)
    owner = data.get("pipeline") if data else None
    if isinstance(owner, str):
        return owner
    said = (_value_of(path, "model") for path in sorted(output.glob("model=*/*/part-*.parquet")))
    return next((model.rpartition("@v")[0] for model in said if "@v" in model), None)


def _value_of(path: Path, column: str) -> str:
    """What the first row of a score file says; empty where there is no row, or the file is damaged."""
    try:
        table = read_parquet(path)
    except Corrupted:
        return ""
    if column not in table.column_names:
        return "no score file"
    return str(table[column][0]) if table.num_rows else ""


def is_own(workspace: Workspace, chunk: Row[Any]) -> bool:
    """Whether what stands in the place of a chunk was put there by this store and changed since, or is nobody's scores
    any more: the ledger need not know of it, if it was rebuilt or is an older one."""
    path = workspace.output / chunk.published_as
    run = _value_of(path, "run_id") if path.is_file() else ""
    if run in ("", chunk.run_id):
        return True
    digest, runs = file_digest(path), set()
    for ref in workspace.store.all("scores"):
        with suppress(Corrupted):  # it says nothing any more
            manifest = read_manifest(ref)
            if manifest["meta"]["published_as"] == chunk.published_as:
                runs.add(manifest["meta"]["run_id"])
                if manifest["files"]["scores.parquet"]["sha256"] == digest:
                    return False  # unchanged: `seqcls doctor --repair` makes it known
    return run in runs


def set_file_aside(workspace: Workspace, path: Path) -> None:
    """From the score folder into the store's folder of damaged things, kept for inspection."""
    target = workspace.store.root / "damaged"
    make_folder(target)
    with suppress(FileNotFoundError):  # another run set it aside just now
        shutil.move(path, target / f"published-{path.stem}-{temporary_name().rpartition('~')[2]}{path.suffix}")


def read_list(path: Path) -> dict[str, Any] | None:
    """What a list of current scores says; None where it is missing or damaged: the next run writes it anew."""
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def entry(item: Scoring) -> dict[str, Any]:
    """A scoring as `_current.json` lists it."""
    return {
        "file": item.name, "input": item.input_digest, "day": item.day, "models": list(item.models),
        "rows_in": item.counts.rows_in, "scores": [chunk.published_as for chunk in item.chunks],
    }  # fmt: skip


def faults_of_list(workspace: Workspace) -> Iterator[str]:
    """What is wrong with `_current.json`. Where it is missing or behind, a run was killed or the champion moved: the
    next run writes it."""
    path = workspace.output / CURRENT
    if not path.exists():
        return
    data = read_list(path)
    if data is None or not isinstance(data.get("files"), list):
        yield f"{CURRENT} is damaged"
        return
    true = [entry(item) for item in list_scorings(workspace)]
    if data.get("pipeline") != workspace.pipeline.name or any(item not in true for item in data["files"]):
        yield f"{CURRENT} says what is not so"
