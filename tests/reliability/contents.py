"""The books of an output folder, content by content: what was delivered against what stands there.

In: the contents that were delivered, and which of them count. Out: `Fault`s. Promise: nothing is taken from what a run
says: files, rows and ids are read from the disk, and the ledger is asked only which scoring a file belongs to.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcls.scoring.publish import rejects_place
from seqcls.store.parquet import read_parquet


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it must be."""

    kind: str
    what: str


@dataclass(frozen=True)
class Scores:
    """Where a pipeline's scores are."""

    ledger: Path
    pipeline: str
    output: Path


def row_faults(scores: Scores, delivered: dict[str, Path], *, finished: bool = True) -> list[Fault]:
    """Of each content (SHA-256 -> file) every row must stand in the score files and rejects once, by the first scoring
    and by each that was begun later; while runs are not `finished`, at most once."""
    found: dict[tuple[str, int], Counter[int]] = {(digest, 0): Counter() for digest in delivered}
    known = set[Path]()
    for digest, again, name in _chunks(scores):
        for path in (scores.output / name, scores.output / rejects_place(name, again)):
            if path.is_file():
                known.add(path)
                found.setdefault((digest, again), Counter()).update(_column(path, "source_row"))
    faults = [Fault("half visible", f"no committed chunk for {path}") for path in visible(scores.output) - known]
    for (digest, again), rows in found.items():
        place = f"content {digest[:12]}, scoring {again}"
        wanted = set(range(1, len(rows_of(delivered[digest])) + 1)) if digest in delivered else set[int]()
        faults += [Fault("twice", f"{place}: row {row}, {count} times") for row, count in rows.items() if count > 1]
        faults += [Fault("twice", f"{place}: row {row}, which was not delivered") for row in rows.keys() - wanted]
        if finished:
            faults += [Fault("lost", f"{place}: row {row}") for row in wanted - rows.keys()]
    return faults


def current_faults(output: Path, counting: dict[str, set[str]], delivered: dict[str, Path]) -> list[Fault]:
    """`_current.json` must list each content that counts once, under one of its names, with all its rows: those that
    are not rejected stand in its files once."""
    entries = json.loads((output / "_current.json").read_text())["files"]
    listed = Counter(entry["input"] for entry in entries)
    faults = [f"{digest[:12]} ({sorted(counting[digest])}) is missing" for digest in counting.keys() - listed.keys()]
    faults += [f"{digest[:12]} counts and should not" for digest in listed.keys() - counting.keys()]
    faults += [f"{digest[:12]} stands {count} times" for digest, count in listed.items() if count > 1]
    for entry in entries:
        if entry["input"] not in counting:
            continue
        if entry["file"] not in counting[entry["input"]]:
            faults.append(f"{entry['input'][:12]} counts as {entry['file']}, not {sorted(counting[entry['input']])}")
        missing = [place for place in entry["scores"] if not (output / place).is_file()]
        if missing:
            faults.append(f"{entry['file']}: {missing[0]} is not there")
            continue
        scored = Counter(name for place in entry["scores"] for name in _column(output / place, "id"))
        rejected = {
            name
            for place in output.glob(f"rejects/**/part-{entry['input'][:16]}-*.parquet")
            for name in _column(place, "id")
        }
        ids = {row["id"] for row in rows_of(delivered[entry["input"]])}
        if set(scored.values()) - {1} or scored.keys() & rejected or scored.keys() | rejected != ids:
            faults.append(f"{entry['file']}: {len(scored)} ids scored, {len(rejected)} rejected, {len(ids)} delivered")
    return [Fault("_current.json wrong", text) for text in faults]


def visible(output: Path) -> set[Path]:
    """What a reader of the folder sees: dataset readers pass over names that begin with . or _."""
    return {path for path in output.rglob("*") if path.is_file() and path.name[0] not in "._"}


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a delivered file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _chunks(scores: Scores) -> list[tuple[str, int, str]]:
    question = "SELECT input_digest, rescored_with, published_as FROM chunks WHERE pipeline = ? AND state = 'done'"
    if not scores.ledger.is_file():  # killed before it was made
        return []
    with closing(sqlite3.connect(f"file:{scores.ledger}?mode=ro", uri=True)) as ledger:
        try:
            return list(ledger.execute(question, (scores.pipeline,)))
        except sqlite3.OperationalError:  # killed before its tables were made
            return []


def _column(path: Path, name: str) -> list[Any]:
    return list(read_parquet(path, [name])[name].to_pylist())
