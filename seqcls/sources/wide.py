"""wide: a delimited file with one column per time point.

`source.values` names the columns in order of time; a pattern such as "v*" stands for all columns that match it, in the
order of the file. Missing values at the end of a row are the padding of a shorter series and are cut off.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from seqcls.sources.assemble import assemble
from seqcls.sources.delimited import Fields, read_fields
from seqcls.sources.numbers import Notation, join_channels, lists_of, parse_flat, trim_right
from seqcls.sources.reading import Reading, Records, Role, add_problem, need_column, refuse_others, role_columns
from seqcls.table import SourceBatch


def read_wide(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a file of time points."""
    roles: dict[Role, str] = {}
    values: list[str] = []

    def choose(found: list[str]) -> list[str]:
        roles.update(role_columns(reading, found))
        matching = _value_columns(reading, found, set(roles.values()) | {reading.source.label})
        values.extend(reading.layout.in_order(reading.file, "wide", matching, "column"))
        names = list(dict.fromkeys([*values, *roles.values()]))
        refuse_others(reading, found, names)
        return names

    for fields in read_fields(reading, choose):
        yield assemble(reading, _records(fields, roles, values, reading.notation))


def _value_columns(reading: Reading, found: list[str], taken: set[str]) -> list[str]:
    columns: dict[str, None] = {}
    for pattern in reading.source.values:
        if pattern in found:
            columns[pattern] = None
            continue
        matches = [name for name in dict.fromkeys(found) if fnmatch.fnmatchcase(name, pattern) and name not in taken]
        if not matches:
            need_column(reading, pattern, found, "source.values")
        in_order = matches if reading.layout.is_kept else sorted(matches, key=_natural)
        columns |= dict.fromkeys(in_order)
    return list(columns)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """v2 before v10: the order of time for models that were trained before it was that of the file."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts]


def _records(fields: Fields, roles: dict[Role, str], values: list[str], notation: Notation) -> Records:
    rows, width = len(fields.rows), len(values)
    records = Records(
        fields.rows, [], {role: fields.columns[name] for role, name in roles.items()}, fields.rejects, raw=fields.raw
    )
    columns = np.empty((width, rows))
    for at, name in enumerate(values):
        columns[at], faults = parse_flat(fields.columns[name], notation)
        for index, reason in faults.items():
            add_problem(records.problems, index, name, "number", reason)
    counts = np.full(rows, width)
    with np.errstate(invalid="ignore"):
        lists = lists_of(columns.T.reshape(-1), counts, pa.array(np.zeros(rows, bool)), counts)
    records.sequence = [join_channels([trim_right(lists)], ["value"])[0]]
    return records
