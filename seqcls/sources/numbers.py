"""Cells with series -> list<float32>, null where a value is missing.

In: text ("1.5 2 nan", "[1, 2]", "1;2;3") or Arrow lists of numbers. Out: one list per row, and the rows without one.
Promise: blank, `nan`, `null`, `?` and the words of `source.missing` are missing; anything else that is not a plain
finite number (ASCII digits) is named with its position. A row has one separator. Nothing is rounded but to float32.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FLOATS = pa.list_(pa.float32())
SERIES = pa.list_(FLOATS)
MISSING = r"^(?i:[+-]?nan|null|none|\?|)$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_LARGEST = float(np.finfo(np.float32).max)
_BLANKS = " \t\r\n"
_SEMICOLON, _COMMA, _BLANK = r"[ \t\r\n]*;[ \t\r\n]*", r"[ \t\r\n]*,[ \t\r\n]*", r"[ \t\r\n]+"
_TWO_NUMBERS = re.compile(r"'\d+ +[+-]?\d+' is not", re.ASCII)
"""What is said of that which stands between two commas of `-0,02 -0,31`."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Notation:
    """How a source writes numbers."""

    decimal: str = "."
    missing: tuple[str, ...] = ()
    """Words that stand for a missing value, beside those that always do."""


PLAIN = Notation()


def parse_flat(texts: pa.Array, notation: Notation = PLAIN) -> tuple[np.ndarray, dict[int, str]]:
    """Numbers as text -> float64 with NaN for missing, and the positions that are not numbers."""
    texts = written = pc.fill_null(texts, "")
    if notation.missing:
        named = pc.is_in(pc.utf8_trim(texts, _BLANKS), pa.array(notation.missing, pa.string()))
        texts = pc.if_else(named, "", texts)
    if notation.decimal == ",":  # a point would be one of thousands: no number
        texts = pc.replace_substring(pc.replace_substring(texts, ".", "_"), ",", ".")
    try:  # Arrow's parser is exact and strict except for "inf" and "nan(...)", which are checked below
        values = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
        suspicious = np.isnan(values)
    except pa.ArrowInvalid:
        texts = pc.utf8_trim(texts, _BLANKS)
        plain = pc.match_substring_regex(texts, _NUMBER)
        values = pc.cast(pc.if_else(plain, texts, "nan"), pa.float64()).to_numpy(zero_copy_only=False)
        suspicious = np.isnan(values)
    faults: dict[int, str] = {}
    doubtful = np.flatnonzero(suspicious)
    if len(doubtful):
        words = texts.take(pa.array(doubtful))
        missing = pc.match_substring_regex(words, MISSING).to_numpy(zero_copy_only=False)
        for index in doubtful[~missing]:
            faults[int(index)] = _no_number(written[int(index)].as_py(), notation)
    for index in np.flatnonzero(np.abs(values) > _LARGEST):
        faults[int(index)] = f"{written[int(index)].as_py()[:40]!r} is not finite (float32 ends at 3.4e38)"
    return values, faults


def numbers_of(column: pa.Array, notation: Notation = PLAIN) -> tuple[np.ndarray, dict[int, str]]:
    """`parse_flat` of text; columns of numbers as they are."""
    if pa.types.is_string(column.type):
        return parse_flat(column, notation)
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    faults = {
        int(at): f"{values[at]} is not finite (float32 ends at 3.4e38)"
        for at in np.flatnonzero(np.abs(values) > _LARGEST)
    }
    return values, faults


def _no_number(text: str, notation: Notation) -> str:
    text = text.strip(_BLANKS)
    found = f"{text[:40]!r} is not a number"
    if notation.decimal == "." and _DECIMAL_COMMA.fullmatch(text):
        return f'{found} (source.decimal = "," reads decimal commas)'
    if notation.decimal == "," and "." in text:
        return f'{found} (source.decimal is ",")'
    return found


def parse_cells(
    cells: pa.Array, separator: str | None = None, notation: Notation = PLAIN
) -> tuple[pa.Array, dict[int, str]]:
    """Text cells -> list<float32>; the separator is found by row: semicolon, else comma, else blanks.

    Where the comma is the decimal sign it separates nothing. A separator of one blank is a run of blanks.
    """
    if separator is None:
        cells = pc.utf8_trim(cells, _BLANKS)
    blank = pc.or_kleene(pc.is_null(cells), pc.fill_null(pc.equal(cells, ""), True))
    if separator is None:
        blank = pc.or_(blank, pc.fill_null(pc.match_substring_regex(cells, r"^\[\s*\]$"), False))
    words = _split(cells, separator, notation)
    flat = words.flatten()
    values, faults = parse_flat(flat, notation)
    counts = pc.fill_null(pc.list_value_length(words), 0).to_numpy(zero_copy_only=False)
    lists = lists_of(values, np.where(blank.to_numpy(zero_copy_only=False), 0, counts), blank, counts)
    rows = _by_row(faults, counts)
    for row, reason in rows.items():
        if notation.decimal == "." and _TWO_NUMBERS.match(reason) and ";" not in cells[row].as_py():
            rows[row] = f'{reason} (source.decimal = "," reads decimal commas)'
    return lists, rows


def _split(cells: pa.Array, separator: str | None, notation: Notation) -> pa.Array:
    if separator == " ":
        return pc.ascii_split_whitespace(pc.ascii_trim_whitespace(cells))
    if separator is not None:
        return pc.split_pattern(cells, separator)
    inner = pc.utf8_trim(pc.replace_substring_regex(cells, r"^(?s:\[(.*)\])$", r"\1"), _BLANKS)
    semicolons = pc.match_substring(inner, ";")
    commas = pc.and_not(pc.match_substring(inner, ",") if notation.decimal == "." else pa.scalar(False), semicolons)
    blanks = pc.invert(pc.or_(semicolons, commas))
    joined = inner
    for mask, pattern in ((semicolons, _SEMICOLON), (commas, _COMMA), (blanks, _BLANK)):
        if pc.any(mask).as_py():  # a column has one of them as a rule, and is gone through once
            joined = pc.if_else(mask, pc.replace_substring_regex(inner, pattern, ";"), joined)
    return pc.split_pattern(joined, ";")


def lists_of(values: np.ndarray, kept: np.ndarray, is_null: pa.Array, counts: np.ndarray) -> pa.Array:
    """Flat values and the length of each row -> list<float32>; NaN becomes null. Rows with `kept` 0 become empty."""
    if not np.array_equal(kept, counts):
        values = values[np.repeat(kept == counts, counts)]
    with np.errstate(over="ignore"):
        flat = pa.array(values.astype(np.float32), mask=np.isnan(values))
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat, mask=is_null)


def _by_row(faults: dict[int, str], counts: np.ndarray) -> dict[int, str]:
    """Faults by flat position -> the first of each row, with its position in the row."""
    if not faults:
        return {}
    ends = np.cumsum(counts)
    by_row: dict[int, str] = {}
    for index in sorted(faults):
        row = int(np.searchsorted(ends, index, side="right"))
        place = index - int(ends[row] - counts[row])
        by_row.setdefault(row, f"{faults[index]}, at position {place + 1} of {counts[row]}")
    return by_row


def from_number_lists(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """list<number> -> list<float32>."""
    column = column.cast(pa.list_(pa.float64()))
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    faults = {
        int(at): f"{values[at]} is not finite (float32 ends at 3.4e38)"
        for at in np.flatnonzero(np.abs(values) > _LARGEST)
    }
    return lists_of(values, counts, pc.is_null(column), counts), _by_row(faults, counts)


def join_channels(channels: list[pa.Array], names: list[str]) -> tuple[pa.Array, dict[int, str]]:
    """One list<float32> per channel -> list<list<float32>>; the channels of a row must have equal lengths."""
    rows = len(channels[0])
    missing = np.logical_or.reduce([pc.is_null(channel).to_numpy(zero_copy_only=False) for channel in channels])
    lengths = np.stack(
        [pc.fill_null(pc.list_value_length(c), 0).to_numpy(zero_copy_only=False) for c in channels], axis=1
    )
    faults: dict[int, str] = {}
    for row in np.flatnonzero(((lengths != lengths[:, :1]).any(axis=1)) & ~missing):
        other = int(np.flatnonzero(lengths[row] != lengths[row, 0])[0])
        faults[int(row)] = (
            f"channel {names[0]!r} has {lengths[row, 0]} values, {names[other]!r} has {lengths[row, other]}"
        )
    order = np.arange(rows * len(channels)).reshape(len(channels), rows).T.reshape(-1)  # channel-major -> row-major
    inner = pa.concat_arrays(channels).take(pa.array(order)) if len(channels) > 1 else channels[0]
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * len(channels))
    return pa.ListArray.from_arrays(offsets, inner, mask=pa.array(missing)), faults


def parse_nested(text: str) -> list[list[float | None]] | str:
    """A JSON list of lists, one per channel -> values, or what is wrong with it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not a list of lists of numbers ({str(error)[:80]})"
    return check_nested(value)


def check_nested(value: object) -> list[list[float | None]] | str:
    """Python lists -> channels of floats; None and NaN are missing."""
    if not isinstance(value, list):
        return f"{_type(value)} where a list of numbers is expected"
    channels = value if value and isinstance(value[0], list) else [value]
    checked = []
    for number, channel in enumerate(channels, 1):
        if not isinstance(channel, list):
            return f"channel {number} is {_type(channel)}, not a list"
        row = []
        for position, entry in enumerate(channel, 1):
            result = _entry(entry)
            if isinstance(result, str):
                return f"{result}, at position {position} of {len(channel)}"
            row.append(result)
        if len(row) != len(channels[0]):
            return f"channel 1 has {len(channels[0])} values, channel {number} has {len(row)}"
        checked.append(row)
    return checked


def _entry(entry: object) -> float | str | None:
    if entry is None:
        return None
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        return f"{_type(entry)} where a number is expected"
    if isinstance(entry, float) and entry != entry:
        return None
    if not -_LARGEST <= entry <= _LARGEST:
        return f"{str(entry)[:40] if isinstance(entry, float) else 'an integer'} is not finite (float32 ends at 3.4e38)"
    return float(entry)


def _type(value: object) -> str:
    names = {
        str: "text",
        bool: "true or false",
        dict: "an object",
        list: "a list",
        int: "an integer",
        float: "a number",
    }
    return names.get(type(value), "null" if value is None else type(value).__name__)


def trim_right(lists: pa.Array) -> pa.Array:
    """Drop the missing values at the end of each list<float32>: the padding of series of unequal length."""
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    flat = lists.flatten()
    present = pc.is_valid(flat).to_numpy(zero_copy_only=False)
    starts = np.cumsum(counts) - counts
    last = np.where(present, np.arange(1, len(flat) + 1), 0)
    kept = np.zeros(len(counts), np.int64)
    filled = counts > 0
    if filled.any():  # the last present position of each row, 0 where there is none
        kept[filled] = np.maximum(np.maximum.reduceat(last, starts[filled]) - starts[filled], 0)
    inside = np.arange(len(flat)) - np.repeat(starts, counts) < np.repeat(kept, counts)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat.filter(pa.array(inside)), mask=pc.is_null(lists))
