"""One file per channel: the files of the channels of the same rows, joined row by row.

In: the file of the first channel; the others have the same path but for the part that names the channel. Out: batches
whose series have all channels. Promise: a row that one file rejects is rejected, with the reasons of all files; files
with unequal numbers of rows are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.numbers import join_channels
from seqcls.sources.paths import channel_path, content_digest
from seqcls.sources.reading import Reading
from seqcls.store.artefacts import file_digest
from seqcls.table import REJECTS, InputFile, SourceBatch, one_array, rejects_table, table_schema

Read = Callable[[Reading], Iterator[SourceBatch]]


def read_channel_files(reading: Reading, read: Read) -> Iterator[SourceBatch]:
    """Batches of all channels; `read` reads the file of one."""
    names = reading.source.channel_files
    files = [_Rows(read(_reading_of(reading, name))) for name in names]
    while all(file.has_rows() for file in files):
        yield _join(reading, [file.take(min(file.last for file in files)) for file in files])
    counts = {name: file.count() for name, file in zip(names, files, strict=True)}
    if len(set(counts.values())) > 1:
        raise reading.refuse(
            f"unequal numbers of rows: {', '.join(f'{name} has {count}' for name, count in counts.items())}",
            expected="a row of every channel", next_step="compare the ends of the files",
        )  # fmt: skip


def _reading_of(reading: Reading, name: str) -> Reading:
    """The file of one channel, whose rows go by the name of the first channel's file."""
    first = reading.source.channel_files[0]
    if name == first:
        return reading
    path = channel_path(reading.source, reading.file.path, name)
    if path is None:
        raise reading.refuse(
            f"no file of channel {name!r} belongs to it",
            expected=f"one file of this path with {name!r} for {first!r}",
            next_step="deliver it, or correct source.channel_files",
        )
    only_values: dict[str, object] = {"channel_files": [], "label_files": [], "label_table": None}
    source = reading.source.model_copy(update=only_values)
    digest = content_digest(source, reading.folder, path, file_digest(path))
    file = InputFile(path, reading.file.name, digest, path.stat().st_size, reading.file.split)
    return replace(reading, source=source, file=file, labelled=False, apart=None)


class _Rows:
    """Rows of one file that wait for those of the others."""

    def __init__(self, batches: Iterator[SourceBatch]) -> None:
        self._batches = batches
        self._table, self._rejects = table_schema("series").empty_table(), REJECTS.empty_table()
        self.last = 0

    def has_rows(self) -> bool:
        """Whether rows wait, after reading some if none did."""
        while not self._table.num_rows + self._rejects.num_rows:
            batch = next(self._batches, None)
            if batch is None:
                return False
            self._table, self._rejects, self.last = batch.table, batch.rejects, self.last + batch.rows_in
        return True

    def take(self, end: int) -> tuple[pa.Table, pa.Table]:
        """Rows and rejects up to `end`; they wait no longer."""
        (table, self._table), (rejects, self._rejects) = _cut(self._table, end), _cut(self._rejects, end)
        return table, rejects

    def count(self) -> int:
        """Rows of the whole file."""
        return self.last + sum(batch.rows_in for batch in self._batches)


def _cut(table: pa.Table, end: int) -> tuple[pa.Table, pa.Table]:
    until = pc.sum(pc.less_equal(table["source_row"], end)).as_py() or 0
    return table.slice(0, until), table.slice(until)


def _join(reading: Reading, parts: list[tuple[pa.Table, pa.Table]]) -> SourceBatch:
    """The same rows of all channels: series of those that every file accepts, rejects of the others."""
    names = reading.source.channel_files
    rejected: dict[int, dict[str, Any]] = {}
    for name, (_, rejects) in zip(names, parts, strict=True):
        for row in rejects.to_pylist():
            known = rejected.setdefault(row["source_row"], {**row, "columns": [], "rules": [], "reasons": []})
            known["columns"] += [f"{name} {column}".strip() for column in row["columns"]]
            known["rules"] += row["rules"]
            known["reasons"] += row["reasons"]
    tables = [_without(table, rejected) for table, _ in parts]
    rows_in = tables[0].num_rows + len(rejected)
    series, unequal = join_channels([one_array(table["sequence"]).flatten() for table in tables], names)
    table = tables[0].set_column(1, table_schema("series").field("sequence"), series)
    for at, reason in unequal.items():
        number = table["source_row"][at].as_py()
        rejected[number] = reading.reject(number, "", "channels", reason) | {"id": table["id"][at].as_py()}
    rejects = rejects_table([rejected[number] for number in sorted(rejected)])
    return SourceBatch(_without(table, rejected), rejects, rows_in)


def _without(table: pa.Table, rejected: Iterable[int]) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table["source_row"], pa.array(list(rejected), pa.int64()))))
