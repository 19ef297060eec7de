"""Read small files written on the spot: what the source tests share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqcls.config.source import SourceConfig
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from seqcls.sources.layout import FirstLayout
from seqcls.table import REJECTS, Kind, table_schema

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Read:
    """All rows and rejects of the files of one config."""

    table: pa.Table
    rejects: pa.Table
    rows_in: int

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        """(sequence, label) in order."""
        return list(zip(self.table["sequence"].to_pylist(), self.table["label"].to_pylist(), strict=True))

    @property
    def series(self) -> list[Any]:
        return list(self.table["sequence"].to_pylist())

    @property
    def refused(self) -> list[tuple[int, str, str]]:
        """(row, rule, reason) of every reject."""
        return [
            (row["source_row"], rule, reason)
            for row in self.rejects.to_pylist()
            for rule, reason in zip(row["rules"], row["reasons"], strict=True)
        ]


def read(folder: Path, kind: Kind = "text", *, labelled: bool = True, **options: Any) -> Read:
    """Read the files that the options name."""
    source = SourceConfig(**options)
    tables, rejects, rows_in = [table_schema(kind).empty_table()], [REJECTS.empty_table()], 0
    layout = FirstLayout()
    patterns = source.files or [*source.train, *source.valid, *source.test]
    for file in find_files(source, folder, patterns):
        for batch in read_file(file, source, kind, labelled=labelled, folder=folder, layout=layout):
            tables.append(batch.table)
            rejects.append(batch.rejects)
            rows_in += batch.rows_in
    result = Read(pa.concat_tables(tables), pa.concat_tables(rejects), rows_in)
    assert result.rows_in == result.table.num_rows + result.rejects.num_rows
    return result


def read_bytes(
    folder: Path, data: bytes, kind: Kind = "text", *, name: str = "data.csv", labelled: bool = True, **options: Any
) -> Read:
    """Write one file and read it."""
    (folder / name).write_bytes(data)
    return read(folder, kind, labelled=labelled, files=[name], **({"format": "csv"} | options))
