"""Measurements (id, position, channel, value) -> series with one list per channel.

In: all measurements of some ids. Out: one record per id, in the order of their first measurements. Promise: a position
that a channel lacks is missing there; a measurement that occurs twice is named, never averaged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.numbers import SERIES
from seqcls.sources.reading import Problems, Reading, Records, Role, add_problem

CELLS_PER_BATCH = 2_000_000
_BYTES_PER_VALUE = 4
_ROLES: tuple[Role, ...] = ("label", "time", "group", "split")


def pivot(reading: Reading, table: pa.Table, channels: list[str]) -> Iterator[Records]:
    """Batches of series of at most about CELLS_PER_BATCH values."""
    encoded = pc.dictionary_encode(table["id"].combine_chunks())
    code = encoded.indices.to_numpy()
    position = table["position"].to_numpy()
    order = np.lexsort((table["row"].to_numpy(), position, code))
    code, position, table = code[order], position[order], table.take(pa.array(order))
    is_new = np.concatenate([[True], (code[1:] != code[:-1]) | (position[1:] != position[:-1])])
    step = np.cumsum(is_new) - 1  # time steps of all series, one after the other
    first_record = np.searchsorted(code, np.arange(len(encoded.dictionary) + 1))
    lengths = np.array([step[end - 1] - step[start] + 1 for start, end in itertools.pairwise(first_record)])
    sizes = lengths * len(channels)
    start = 0
    while start < len(lengths):
        taken = max(1, int(np.searchsorted(np.cumsum(sizes[start:]), CELLS_PER_BATCH)))
        end = min(start + taken, len(lengths))
        records = slice(first_record[start], first_record[end])
        yield _batch(
            reading,
            table.slice(records.start, records.stop - records.start),
            encoded.dictionary,
            code[records],
            step[records],
            channels,
        )
        start = end


def _batch(
    reading: Reading, table: pa.Table, ids: pa.Array, code: np.ndarray, step: np.ndarray, channels: list[str]
) -> Records:
    series, starts = np.unique(code, return_index=True)
    ends = np.append(starts[1:], len(code))
    lengths = step[ends - 1] - step[starts] + 1
    problems: Problems = {}
    which = np.searchsorted(series, code)
    _note_faults(table, which, problems)
    said = {role: _first_said(table[role].combine_chunks(), starts) for role in _ROLES}
    for role, first in said.items():
        _note_changes(reading, table[role].combine_chunks(), first, which, role, problems)
    too_long = _note_long(reading, lengths, len(channels), problems)
    sequence = _fill(
        reading, table, channels, which, step - step[starts][which], np.where(too_long, 0, lengths), problems
    )
    columns: dict[Role, pa.Array] = {role: first for role, first in said.items() if table[role].null_count < len(table)}
    columns["id"] = ids.take(pa.array(series))
    found = Records(pa.array(np.minimum.reduceat(table["row"].to_numpy(), starts)), [sequence], columns)
    found.problems = problems
    return _in_file_order(found, ends - starts)


def _in_file_order(records: Records, counts: np.ndarray) -> Records:
    """Series in the order of their first rows; `counts` has the number of records of each."""
    order = np.argsort(records.rows.to_numpy(), kind="stable")
    moved = np.argsort(order)
    by_row = pa.array(order)
    rows = records.rows.take(by_row)
    return Records(
        rows,
        [sequence.take(by_row) for sequence in records.sequence],
        {role: column.take(by_row) for role, column in records.columns.items()},
        problems={int(moved[index]): reasons for index, reasons in records.problems.items()},
        raw=lambda index: f"{counts[order[index]]} records, the first in row {rows[index]}",
    )


def _note_long(reading: Reading, lengths: np.ndarray, channels: int, problems: Problems) -> np.ndarray:
    """Which series are longer than `max_row_bytes`."""
    limit = reading.source.max_row_bytes
    too_long: np.ndarray = lengths * channels * _BYTES_PER_VALUE > limit
    for index in np.flatnonzero(too_long):
        reason = (
            f"{lengths[index]} positions x {channels} channels; a row may have {limit} bytes (source.max_row_bytes)"
        )
        add_problem(problems, int(index), reading.source.value, "row_bytes", reason)
    return too_long


def _note_faults(table: pa.Table, which: np.ndarray, problems: Problems) -> None:
    fault = table["fault"].combine_chunks()
    for index in pc.indices_nonzero(pc.is_valid(fault)).to_pylist():
        if not any(rule == "number" for _, rule, _ in problems.get(int(which[index]), [])):
            add_problem(problems, int(which[index]), "", "number", fault[index].as_py())


def _first_said(column: pa.Array, starts: np.ndarray) -> pa.Array:
    """The first value of each series that is not blank; the first blank one where all are."""
    said = np.asarray(pc.fill_null(pc.not_equal(column, ""), False))
    places = np.minimum.reduceat(np.where(said, np.arange(len(column)), len(column)), starts)
    return column.take(pa.array(np.where(places < len(column), places, starts)))


def _note_changes(
    reading: Reading, column: pa.Array, first: pa.Array, which: np.ndarray, role: Role, problems: Problems
) -> None:
    """Class, time and group belong to the series, so all its records must agree; blank ones say nothing."""
    other = first.take(pa.array(which))
    differs = pc.fill_null(pc.and_(pc.not_equal(column, other), pc.not_equal(column, "")), False)
    seen: set[int] = set()
    for index in pc.indices_nonzero(differs).to_pylist():
        series = int(which[index])
        if series not in seen:
            seen.add(series)
            reason = f"{other[index].as_py()!r} and {column[index].as_py()!r} in one series"
            reason += "; a series has one class: cut it where the class changes" if role == "label" else ""
            add_problem(problems, series, str(getattr(reading.source, role)), "constant", reason)


def _fill(
    reading: Reading,
    table: pa.Table,
    channels: list[str],
    which: np.ndarray,
    step: np.ndarray,
    lengths: np.ndarray,
    problems: Problems,
) -> pa.Array:
    """Put values in order: by series, then channel, then position."""
    names = pc.dictionary_encode(table["channel"].combine_chunks())
    known = {name: at for at, name in enumerate(channels)}
    channel = np.array([known.get(name, -1) for name in names.dictionary.to_pylist()])[names.indices.to_numpy()]
    rows = table["row"].to_numpy()
    for index in np.flatnonzero(channel < 0):
        series = int(which[index])
        if not any(rule == "channels" for _, rule, _ in problems.get(series, [])):
            name = table["channel"][int(index)].as_py()
            reason = f"record {rows[index]}: channel {name!r}; expected one of {', '.join(channels[:20])}"
            add_problem(problems, series, reading.source.channel, "channels", reason)
    starts = np.cumsum(lengths) - lengths
    usable = np.flatnonzero((channel >= 0) & (lengths[which] > 0))
    place = (starts[which] * len(channels) + channel * lengths[which] + step)[usable]
    _note_twice(reading, place, usable, which, rows, problems)
    values = np.full(int(lengths.sum()) * len(channels), np.nan, np.float32)
    with np.errstate(over="ignore"):
        values[place] = table["value"].to_numpy()[usable]
    inner_offsets = np.concatenate([[0], np.cumsum(np.repeat(lengths, len(channels)))]).astype(np.int32)
    inner = pa.ListArray.from_arrays(pa.array(inner_offsets), pa.array(values, mask=np.isnan(values)))
    offsets = pa.array(np.arange(len(lengths) + 1, dtype=np.int32) * len(channels))
    return pa.ListArray.from_arrays(offsets, inner).cast(SERIES)


def _note_twice(
    reading: Reading, place: np.ndarray, usable: np.ndarray, which: np.ndarray, rows: np.ndarray, problems: Problems
) -> None:
    order = np.argsort(place, kind="stable")
    same = np.flatnonzero(place[order][1:] == place[order][:-1])
    for at in same:
        one, other = usable[order[at]], usable[order[at + 1]]
        series = int(which[one])
        if not any(rule == "twice" for _, rule, _ in problems.get(series, [])):
            reason = f"records {rows[one]} and {rows[other]} give the same channel and position"
            add_problem(problems, series, reading.source.position, "twice", reason)
