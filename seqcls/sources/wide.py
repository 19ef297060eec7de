"""wide: one column per time point, in a delimited file or in Parquet.

`source.values` names the columns of each channel in order of time; a pattern such as "v*" stands for all columns that
match it, in the order of the file, and "0:187" for those at these positions. Positions at the end that no channel has a
value for are the padding of a shorter series and are cut off.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.sources.assemble import assemble
from seqcls.sources.delimited import Fields, read_fields
from seqcls.sources.numbers import SERIES, numbers_of
from seqcls.sources.reading import (
    Problems,
    Reading,
    Records,
    Role,
    add_problem,
    need_column,
    refuse_others,
    role_columns,
)
from seqcls.table import SourceBatch

_POSITIONS = re.compile(r"(\d*):(\d*)")


def read_wide(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a file of time points."""
    roles: dict[Role, str] = {}
    channels: list[list[str]] = []

    def choose(found: list[str]) -> list[str]:
        roles.update(role_columns(reading, found))
        channels.extend(value_columns(reading, found, roles))
        return [*dict.fromkeys(name for names in [*channels, roles.values()] for name in names)]

    for fields in read_fields(reading, choose):
        yield assemble(reading, _records(reading, fields, roles, channels))


def value_columns(reading: Reading, found: list[str], roles: Mapping[Role, str]) -> list[list[str]]:
    """The columns of each channel, in order of time. Refuses a file that lacks some, or has too many."""
    taken = {*roles.values(), reading.source.label}
    by_channel = {
        channel: _matching(reading, found, patterns, taken)
        for channel, patterns in reading.source.value_columns.items()
    }
    first, length = next((name, len(columns)) for name, columns in by_channel.items())
    for name, columns in by_channel.items():
        if len(columns) != length:
            raise reading.refuse(
                f"channel {first!r} has {length} columns, channel {name!r} has {len(columns)}",
                expected="as many columns for each channel", next_step="correct source.values",
            )  # fmt: skip
    names = [name for columns in by_channel.values() for name in columns]
    names = reading.layout.in_order(reading.file, "wide", names, "column")
    refuse_others(reading, found, [*names, *roles.values()])
    return [names[start : start + length] for start in range(0, len(names), length)]


def _matching(reading: Reading, found: list[str], patterns: list[str], taken: set[str]) -> list[str]:
    columns: dict[str, None] = {}
    for pattern in patterns:
        positions = _POSITIONS.fullmatch(pattern)
        if pattern in found:
            matches = [pattern]
        elif positions:
            matches = _at(reading, found, positions)
        else:
            matches = [name for name in dict.fromkeys(found) if fnmatch.fnmatchcase(name, pattern)]
            matches = [name for name in matches if name not in taken]
            if not reading.layout.is_kept:
                matches.sort(key=_natural)
        if not matches:
            need_column(reading, pattern, found, "source.values")
        columns |= dict.fromkeys(matches)
    return list(columns)


def _at(reading: Reading, found: list[str], positions: re.Match[str]) -> list[str]:
    """The columns from the first position to the one before the last."""
    start, end = int(positions[1] or 0), int(positions[2] or len(found))
    if not start < end <= len(found):
        raise reading.refuse(
            f"{len(found)} columns, and source.values asks for {positions[0]}",
            expected=f"a first and a last position within 0:{len(found)}", next_step="correct source.values",
        )  # fmt: skip
    return found[start:end]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """v2 before v10: the order of time for models that were trained before it was that of the file."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts]


def _records(reading: Reading, fields: Fields, roles: dict[Role, str], channels: list[list[str]]) -> Records:
    records = Records(
        fields.rows, [], {role: fields.columns[name] for role, name in roles.items()}, fields.rejects, raw=fields.raw
    )
    records.sequence = [wide_series(reading, fields.columns, channels, len(fields.rows), records.problems)]
    return records


def wide_series(
    reading: Reading, columns: Mapping[str, pa.Array], channels: list[list[str]], rows: int, problems: Problems
) -> pa.Array:
    """Columns of text or numbers -> one series per row, cut after the last position that has a value."""
    values = np.empty((rows, len(channels), len(channels[0])))
    for channel, names in enumerate(channels):
        for position, name in enumerate(names):
            values[:, channel, position], faults = numbers_of(columns[name], reading.notation)
            for index, reason in faults.items():
                add_problem(problems, index, name, "number", reason)
    return series_of(values)


def series_of(values: npt.NDArray[np.float64]) -> pa.Array:
    """(N, C, T) with NaN for missing -> series without the missing positions at their ends."""
    rows, channels, length = values.shape
    missing: npt.NDArray[np.bool_] = np.isnan(values)
    present: npt.NDArray[np.bool_] = np.logical_not(np.logical_and.reduce(missing, axis=1))
    lengths = (present * np.arange(1, length + 1)).max(axis=1, initial=0)
    flat = values[np.broadcast_to((np.arange(length) < lengths[:, None])[:, None], values.shape)]
    ends = np.cumsum(np.repeat(lengths, channels))
    with np.errstate(over="ignore"):
        inner = pa.ListArray.from_arrays(
            pa.array(np.concatenate([[0], ends]).astype(np.int32)),
            pa.array(flat.astype(np.float32), mask=np.isnan(flat)),
        )
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * channels), inner).cast(SERIES)
