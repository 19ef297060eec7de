"""One bad file on the real road: written to disk, found, ingested into a store and validated.

`travel` gives what was kept and what was set aside; `refusal` gives the error, and has checked that the file is as it
was, that no later stage can see anything of it, and that the message says what, where, what was expected, what to do.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from seqcls.config import Pipeline
from seqcls.errors import DataRefused, printable
from seqcls.sources.discover import source_files
from seqcls.sources.ingest import ingest
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest
from seqcls.store.parquet import read_parquet, shards
from seqcls.table import Kind
from seqcls.validation.validate import CheckReport, read_checks, validate
from tests.seqcls.table_examples import make_pipeline

HEAD = b"sequence,label\n"
GOOD = HEAD + b"one,a\ntwo,b\nthree,a\nfour,b\n"
LENIENT = {"reject_budget": 1.0, "min_class_rows": 1}
Files = bytes | dict[str, bytes]


@dataclass(frozen=True)
class Reject:
    """One reason of one row that was set aside."""

    file: str
    row: int
    column: str
    rule: str
    reason: str
    raw: str | None


@dataclass(frozen=True)
class Arrived:
    """What came through validation."""

    table: pa.Table
    rejects: list[Reject]
    report: CheckReport
    checked: Ref
    store: ArtefactStore
    pipeline: Pipeline

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        return list(zip(self.table["sequence"].to_pylist(), self.table["label"].to_pylist(), strict=True))

    @property
    def sequences(self) -> list[Any]:
        return list(self.table["sequence"].to_pylist())

    @property
    def set_aside(self) -> list[tuple[int, str, str]]:
        return [(reject.row, reject.column, reject.rule) for reject in self.rejects]


def write_files(folder: Path, files: Files, name: str = "data.csv") -> list[str]:
    files = {name: files} if isinstance(files, bytes) else files
    for each, data in files.items():
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (folder / each).write_bytes(data)
    return list(files)


def travel(
    folder: Path,
    files: Files,
    kind: Kind = "text",
    *,
    name: str = "data.csv",
    rules: dict[str, Any] | None = None,
    labelled: bool = True,
    find: list[str] | None = None,
    **source: Any,
) -> Arrived:
    """Write, find, ingest, validate; the books must balance at each stage. `find`: instead of the files' names."""
    names = write_files(folder, files, name)
    given = {"format": "csv"} | {"files": [] if "train" in source else find or names} | source
    pipeline = make_pipeline(kind, source=given, rules=LENIENT | (rules or {}))
    return send(folder, pipeline, labelled=labelled)


def ingested(folder: Path, files: Files, kind: Kind = "text", *, name: str = "data.csv", **source: Any) -> pa.Table:
    """What ingest makes of the files: for comparisons with the same rows written in another way."""
    names = write_files(folder, files, name)
    pipeline = make_pipeline(kind, source={"format": "csv", "files": names} | source)
    found, store = source_files(pipeline.source, folder), ArtefactStore(folder / "store")
    table = ingest(found, pipeline.source, kind, store, labelled=True, folder=folder)
    assert read_manifest(table)["meta"]["rejected"] == 0
    return read_parquet(shards(table.folder / "rows"))


def send(folder: Path, pipeline: Pipeline, *, labelled: bool = True) -> Arrived:
    """Find, ingest and validate files that lie there."""
    store = ArtefactStore(folder / "store")
    found = source_files(pipeline.source, folder)
    table = ingest(found, pipeline.source, pipeline.kind, store, labelled=labelled, folder=folder)
    checked = validate(table, pipeline, store, labelled=labelled)
    ingested, meta = read_manifest(table)["meta"], read_manifest(checked)["meta"]
    kept = read_parquet(shards(checked.folder / "rows"))
    rejects = [
        Reject(row["source_file"], row["source_row"], column, rule, reason, row["raw"])
        for row in read_parquet(checked.folder / "rejects.parquet").to_pylist()
        for column, rule, reason in zip(row["columns"], row["rules"], row["reasons"], strict=True)
    ]
    set_aside = {(reject.file, reject.row) for reject in rejects}
    assert ingested["rows_in"] == ingested["accepted"] + ingested["rejected"] == meta["rows_in"]
    assert meta["rows_in"] == kept.num_rows + len(set_aside) == meta["accepted"] + meta["rejected"]
    return Arrived(kept, rejects, read_checks(checked), checked, store, pipeline)


def refusal(folder: Path, files: Files, kind: Kind = "text", **options: Any) -> DataRefused:
    """The error of a file that must be refused."""
    with pytest.raises(DataRefused) as caught:
        travel(folder, files, kind, **options)
    name = options.get("name", "data.csv")
    for each, data in ({name: files} if isinstance(files, bytes) else files).items():
        assert (folder / each).read_bytes() == data, "the file is kept for another try"
    assert list((folder / "store").glob("artefacts/*/*")) == [], "nothing of it can be seen"
    return explains_itself(caught.value)


def explains_itself(error: DataRefused) -> DataRefused:
    """All four parts are there, and in the text; the code says that another try gives the same answer."""
    text = str(error)
    for part in (error.found, error.where, error.expected, error.next_step):
        assert part, text
        assert printable(part).replace("\n", "\\n") in text.replace("\n", "\\n")
    assert (error.exit_code, error.retryable) == (3, False)
    return error


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
