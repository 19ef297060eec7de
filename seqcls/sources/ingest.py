"""Files -> the `table` artefact.

In: `InputFile`s. Out: rows/part-NNNNN.parquet and rejects.parquet. Promise: per file and in total, rows in = accepted +
rejected; equal input gives equal bytes; memory does not grow with the rows.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources import AGAIN, read_file
from seqcls.sources.layout import FirstLayout
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.parquet import ShardWriter
from seqcls.store.records import FileMeta, TableMeta
from seqcls.table import REJECTS, InputFile, Kind, TableCounts, table_schema

REJECTS_FILE = "rejects.parquet"
SHOWN = 3


def ingest(
    files: list[InputFile], source: SourceConfig, kind: Kind, store: ArtefactStore, *, labelled: bool, folder: Path,
    layout: FirstLayout | None = None,
) -> Ref:  # fmt: skip
    """Read all files once, in the order given; `layout`: as the training files were, for new files."""
    if not files:
        raise DataRefused(
            "no files", where="source.files", expected="at least one input file", next_step="name them there"
        )
    _check_names(files)
    reasons, layout = _Reasons(), layout or FirstLayout()
    with store.write("table") as draft:
        read: list[tuple[InputFile, TableCounts]] = []
        spare = draft.folder / ".rejects"
        with (
            ShardWriter(draft.folder / "rows", table_schema(kind), sequences="none") as rows,
            ShardWriter(spare, REJECTS, rows_per_shard=sys.maxsize) as rejects,
        ):
            for file in files:
                counts = TableCounts()
                for batch in read_file(file, source, kind, labelled=labelled, folder=folder, layout=layout):
                    rows.write(batch.table)
                    rejects.write(batch.rejects)
                    reasons.add(batch.rejects)
                    counts += TableCounts(batch.rows_in, batch.table.num_rows, batch.rejects.num_rows)
                counts.require_balance(file.name)
                read.append((file, counts))
        total = sum((counts for _, counts in read), TableCounts())
        TableCounts(total.rows_in, rows.rows, rejects.rows).require_balance("ingest")
        if total.rows_in == 0 and labelled:
            raise DataRefused(
                "no rows", where=", ".join(file.name for file in files[:SHOWN]), expected="at least one record",
                next_step=AGAIN,
            )  # fmt: skip
        if total.accepted == 0 and total.rows_in:
            raise _nothing_accepted(total, reasons)
        (spare / "part-00000.parquet").rename(draft.folder / REJECTS_FILE)
        spare.rmdir()
        listed = tuple(_describe(*item) for item in read)
        by_rule = dict(sorted(reasons.by_rule.items()))
        known = {} if layout.known is None else {"layout": layout.known}
        draft.describe(
            TableMeta(
                kind=kind, labelled=labelled, **asdict(total), files=listed, rejects_by_rule=by_rule, **known
            )
        )  # fmt: skip
        draft.inputs |= {file.name: file.digest for file in files}
    return draft.ref


class _Reasons:
    """How often each rule set rows aside, and the first row that was."""

    def __init__(self) -> None:
        self.by_rule: Counter[str] = Counter()
        self.first: dict[str, Any] | None = None

    def add(self, rejects: pa.Table) -> None:
        if rejects.num_rows == 0:
            return
        if self.first is None:
            self.first = rejects.slice(0, 1).to_pylist()[0]
        for rules in rejects.column("rules").to_pylist():
            self.by_rule.update(set(rules))


def _check_names(files: list[InputFile]) -> None:
    twice = [name for name, count in Counter(file.name for file in files).items() if count > 1]
    if twice:
        raise DataRefused(f"the file {twice[0]!r} is listed twice", where="source.files", expected="each file once",
                          next_step="name it once")  # fmt: skip


def _describe(file: InputFile, counts: TableCounts) -> FileMeta:
    return FileMeta(name=file.name, digest=file.digest, split=file.split, **asdict(counts))


def _nothing_accepted(total: TableCounts, reasons: _Reasons) -> DataRefused:
    first = reasons.first or {}
    column = f":{first['columns'][0]}" if first["columns"][0] else ""
    return DataRefused(
        f"none of {total.rows_in} rows can be read; the first: {first['reasons'][0]}",
        where=f"{first['source_file']}:{first['source_row']}{column}", expected="at least one row",
        next_step="compare [source] with the file",
    )  # fmt: skip
