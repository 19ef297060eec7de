"""What must hold of a project whatever was killed: read from the disk and the ledger, not from what a run says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from seqcls.errors import SeqclsError
from seqcls.ledger.models import list_models
from seqcls.scoring.publish import rejects_place
from seqcls.store.artefacts import ArtefactStore, file_digest, verify
from seqcls.store.parquet import read_parquet
from seqcls.workspace import open_workspace


@dataclass(frozen=True)
class Books:
    """Faults by kind; all zero is what is promised."""

    lost: int = 0
    duplicated: int = 0
    partly_visible: int = 0

    def __add__(self, other: Books) -> Books:
        return Books(
            self.lost + other.lost, self.duplicated + other.duplicated, self.partly_visible + other.partly_visible
        )


def count_visible(config: Path) -> Books:
    """At any moment, also right after a kill: what can be seen is whole, committed, and no row occurs twice."""
    project = config.parent
    faults = 0
    for ref in ArtefactStore(project / "store").all():
        try:
            verify(ref)
        except SeqclsError:
            faults += 1
    committed = committed_digests(project)
    rows: Counter[tuple[int, str, int]] = Counter()
    scorings = scorings_of(project)
    for path in visible_files(project):
        try:
            table = read_parquet(path, ["source_file", "source_row"])
        except SeqclsError:
            faults += 1
            continue
        faults += file_digest(path) not in committed
        rows.update((scorings.get(path, 0), *key) for key in _keys(table))
    return Books(duplicated=sum(count - 1 for count in rows.values()), partly_visible=faults)


def count_final(config: Path) -> Books:
    """After a run that ended by itself: nothing lost, nothing twice, nothing left lying about."""
    project = config.parent
    expected = {
        (f"incoming/{path.name}", row)
        for path in (project / "incoming").glob("*.csv")
        for row in range(1, len(path.read_text().splitlines()))
    }
    scorings = scorings_of(project)
    first = [path for path in visible_files(project) if scorings.get(path, 0) == 0]
    found = Counter(key for path in first for key in _keys(read_parquet(path)))
    strays = [*(project / "store").rglob(".tmp-*"), *(project / "scores").rglob(".*")]
    unexpected = sum(1 for key in found if key not in expected)
    return count_visible(config) + Books(len(expected - found.keys()), unexpected, len(strays))


def count_ids(config: Path) -> Books:
    """The ids of the score files and rejects against those of the files delivered."""
    project = config.parent
    expected: Counter[str] = Counter()
    for path in (project / "incoming").glob("*.csv"):
        expected.update(line.split(",", 1)[0] for line in path.read_text().splitlines()[1:])
    found: Counter[str] = Counter()
    scorings = scorings_of(project)
    for path in visible_files(project):
        if scorings.get(path, 0):
            continue
        found.update(name for name in read_parquet(path, ["id"])["id"].to_pylist() if name is not None)
    return Books(sum((expected - found).values()), sum((found - expected).values()))


def count_rescored(config: Path, version: int) -> Books:
    """After a re-scoring that ended by itself: each row that was scored first was scored by the version, once."""
    project = config.parent
    scorings = scorings_of(project)
    rows: dict[int, Counter[tuple[str, int]]] = {0: Counter(), version: Counter()}
    for path in visible_files(project):
        rows[scorings[path]].update(_keys(read_parquet(path, ["source_file", "source_row"])))
    lost, unexpected = rows[0] - rows[version], rows[version] - rows[0]
    return count_visible(config) + Books(sum(lost.values()), sum(unexpected.values()))


def digests_of(config: Path) -> dict[str, str]:
    """What the score files hold."""
    return {str(path): file_digest(path) for path in visible_files(config.parent)}


def visible_files(project: Path) -> list[Path]:
    """What a reader of the output folder sees: dataset readers pass over names that begin with . or _."""
    return sorted(path for path in (project / "scores").rglob("*") if path.is_file() and path.name[0] not in "._")


def scorings_of(project: Path) -> dict[Path, int]:
    """Published file -> the version that scored its rows again; 0 = scored first."""
    with sqlite3.connect(f"file:{project / 'store' / 'ledger.db'}?mode=ro", uri=True) as connection:
        try:
            rows = connection.execute("SELECT published_as, rescored_with FROM chunks WHERE state = 'done'").fetchall()
        except sqlite3.OperationalError:
            rows = []
    connection.close()
    places = [(place, again) for name, again in rows for place in (name, rejects_place(name, again))]
    return {project / "scores" / place: again for place, again in places}


def committed_digests(project: Path) -> set[str]:
    """SHA-256 of the files of all committed chunks."""
    store = ArtefactStore(project / "store")
    with sqlite3.connect(f"file:{project / 'store' / 'ledger.db'}?mode=ro", uri=True) as connection:
        try:
            digests = [row[0] for row in connection.execute("SELECT scores_digest FROM chunks WHERE state = 'done'")]
        except sqlite3.OperationalError:  # killed before the tables were made: nothing is committed
            digests = []
    connection.close()
    return {
        file_digest(store.ref("scores", digest).folder / name)
        for digest in digests
        for name in ("scores.parquet", "rejects.parquet")
    }


def model_digests(config: Path) -> list[str]:
    """Digests of the registered versions, oldest first; a model's digest covers its weights byte for byte."""
    with open_workspace(config) as workspace:
        return [version.model_digest for version in list_models(workspace.ledger)]


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table["source_file"].to_pylist(), table["source_row"].to_pylist(), strict=True))
