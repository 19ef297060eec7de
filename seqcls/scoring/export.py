"""The scores that count, as one table. In: the ledger. Out: tables, or one Parquet or CSV file.

Promise: every row that was scored or abstained of every file that counts, once, by its newest version
(`current.py`); `source_file` is the name under which the file counts; memory does not grow with the rows; the file
appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from seqcls.errors import ConfigRefused, Corrupted, DataRefused
from seqcls.scoring.current import list_scorings
from seqcls.scoring.publish import place_file
from seqcls.scoring.stored import open_chunk
from seqcls.store.parquet import read_parquet
from seqcls.workspace import Workspace

ENDINGS = (".parquet", ".csv")
# What a spreadsheet calculates (owasp.org/www-community/attacks/CSV_Injection): text that begins with a sign of a
# formula, also a full-width one, also behind blanks, line ends and letters that are not seen; no number, no lone sign.
_FORMULA = r"^(?:[\t\r\n]|[\pZ\pC]*[=@+\-\x{FF1D}\x{FF20}\x{FF0B}\x{FF0D}])"
_NUMBER = r"^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)?$"


def read_current(workspace: Workspace, damage: list[Corrupted] | None = None) -> Iterator[pa.Table]:
    """The score rows that count, a table a chunk; classes that a version does not know are null columns.

    `damage` gathers the chunks that cannot be read, whose rows are left out; without it the first one is raised.
    """
    parts: list[tuple[str, Path]] = []
    for item in (item for item in list_scorings(workspace) if item.current):
        for chunk in item.chunks:
            try:
                parts.append((item.name, open_chunk(workspace, chunk).scores))
            except Corrupted as error:
                if damage is None:
                    raise
                damage.append(error)
    schema = _schema([path for _, path in parts])
    for name, path in parts:
        yield _conform(read_parquet(path), name, schema)


def _schema(paths: Sequence[Path]) -> pa.Schema:
    """All columns of all versions, those of the classes together."""
    fields = {field.name: field for path in paths for field in pq.read_schema(path)}
    classes = sorted(name for name in fields if name.startswith("p_"))
    others = [name for name in fields if not name.startswith("p_")]
    place = others.index("confidence") + 1 if others else 0
    return pa.schema([fields[name] for name in (*others[:place], *classes, *others[place:])])


def _conform(table: pa.Table, name: str, schema: pa.Schema) -> pa.Table:
    table = table.set_column(
        table.column_names.index("source_file"), "source_file", pa.repeat(pa.scalar(name), table.num_rows)
    )
    columns = [
        table[field.name] if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def write_current_scores(workspace: Workspace, target: Path, damage: list[Corrupted] | None = None) -> int:
    """All rows that count into one file; returns how many. `damage`: see `read_current`."""
    if target.suffix not in ENDINGS:
        raise ConfigRefused(
            f"{target.suffix or 'no ending'!r}", where=str(target), expected="a name that ends in .parquet or .csv",
            next_step="choose another name",
        )  # fmt: skip
    tables = read_current(workspace, damage)
    first = next(tables, None)
    if first is None and damage:
        return 0
    if first is None:
        raise DataRefused(
            "no file is scored to its end yet", where=workspace.pipeline.name, expected="scores",
            next_step=f"`seqcls score {workspace.loaded.path}`",
        )  # fmt: skip
    rows = 0

    def write(file: BinaryIO) -> None:
        nonlocal rows
        schema = first.schema if target.suffix == ".parquet" else _flat(first).schema
        make = pq.ParquetWriter if target.suffix == ".parquet" else csv.CSVWriter
        with make(file, schema) as writer:
            for table in (first, *tables):
                writer.write_table(table if target.suffix == ".parquet" else _flat(table))
                rows += table.num_rows

    place_file(target, write)
    return rows


def _flat(table: pa.Table) -> pa.Table:
    """CSV has no lists: the flags in one cell, by blanks. Text that a spreadsheet would calculate gets a quote before
    it; numbers and lone signs stay. Parquet has each cell as it is."""
    flags = pc.binary_join(table["flags"], " ")
    table = table.set_column(table.column_names.index("flags"), "flags", flags)
    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(index, field.name, _quote_formulas(table[index]))
    return table


def _quote_formulas(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    is_formula = pc.and_not(pc.match_substring_regex(cells, _FORMULA), pc.match_substring_regex(cells, _NUMBER))
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", cells, ""), cells)
