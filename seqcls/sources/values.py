"""Values of JSON and SQL (Python objects) -> Arrow arrays.

In: one list of objects per role. Out: an array, and the rows whose value has the wrong type. Promise: nothing is
guessed: a number instead of text is a fault; an integer as an id or a class becomes its text.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from seqcls.sources.numbers import SERIES, Notation, check_nested, parse_cells
from seqcls.sources.reading import Reading, Records, Reject, Role, add_problem
from seqcls.table import Kind

Fault = str


def records_of(
    reading: Reading,
    rows: list[int],
    objects: list[dict[str, Any]],
    roles: dict[Role, str],
    rejects: list[Reject],
    raws: list[str],
) -> Records:
    """Objects by column name -> records."""
    records = Records(pa.array(rows, pa.int64()), [], rejects=rejects, raw=raws.__getitem__)
    convert = _series_of(reading.notation) if reading.kind == "series" else _SEQUENCES[reading.kind]
    for name in reading.sequence_columns:
        array, faults = convert([row.get(name) for row in objects])
        records.sequence.append(array)
        for index, reason in faults.items():
            add_problem(records.problems, index, name, "type", reason)
    if reading.kind == "series" and len(records.sequence) > 1:
        records.sequence = [
            array.cast(SERIES).flatten() if array.null_count == 0 else _only_channel(array)
            for array in records.sequence
        ]
    for role, name in roles.items():
        texts, faults = _texts([row.get(name) for row in objects], _time_text if role == "time" else _name_text)
        records.columns[role] = texts
        for index, reason in faults.items():
            add_problem(records.problems, index, name, "type", reason + _other_way(role, name, reason))
    return records


def _other_way(role: Role, name: str, reason: str) -> str:
    """The setting that reads such a value, if there is one."""
    if reason.startswith("a list"):
        return f' (source.{role} = "{name}[0]" reads lists that hold one value)'
    if reason.startswith("an object"):
        cats = '; format = "prodigy" reads cats' if role == "label" else ""
        return f' (source.{role} = "{name}.KEY" reads a key of it{cats})'
    return ""


def _only_channel(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else value[0] for value in array.to_pylist()], SERIES.value_type)


def _texts(values: list[Any], convert: Callable[[Any], str | tuple[Fault]]) -> tuple[pa.Array, dict[int, Fault]]:
    try:
        if set(map(type, values)) <= {str, type(None)}:
            return pa.array(values, pa.string()), {}
    except UnicodeEncodeError:
        pass  # a lone surrogate: detected below
    texts: list[str | None] = []
    faults: dict[int, Fault] = {}
    for index, value in enumerate(values):
        text = None if value is None else convert(value)
        if isinstance(text, str) and not _is_encodable(text):
            text = ("text with a lone surrogate (half of a letter)",)
        if isinstance(text, tuple):
            faults[index], text = text[0], None
        texts.append(text)
    return pa.array(texts, pa.string()), faults


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain_text(value: Any) -> str | tuple[Fault]:
    return value if isinstance(value, str) else (f"{_type(value)} where text is expected",)


def _name_text(value: Any) -> str | tuple[Fault]:
    """Ids, classes, groups."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and abs(float(value)) < 2**53 and value == int(value):
        return str(int(value))
    if isinstance(value, str | int):
        return _integer_text(value) if isinstance(value, int) else value
    return (f"{_type(value)} where a name is expected",)


def _integer_text(value: int) -> str | tuple[Fault]:
    # Python refuses to print integers of more than 4,300 digits.
    return str(value) if value.bit_length() < 4096 else ("an integer of more than a thousand digits",)


def _time_text(value: Any) -> str | tuple[Fault]:
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)  # a number since 1970, if `source.time_format` says so
    return value if isinstance(value, str) else (f"{_type(value)} where a time is expected",)


def _text_sequences(values: list[Any]) -> tuple[pa.Array, dict[int, Fault]]:
    return _texts(values, _plain_text)


def _token_sequences(values: list[Any]) -> tuple[pa.Array, dict[int, Fault]]:
    """Lists of texts and integers, or one text with the tokens separated by blanks."""
    rows: list[list[str] | None] = []
    faults: dict[int, Fault] = {}
    for index, value in enumerate(values):
        row = None if value is None else _tokens(value)
        if isinstance(row, str):
            faults[index], row = row, None
        rows.append(row)
    return pa.array(rows, pa.list_(pa.string())), faults


def _tokens(value: Any) -> list[str] | Fault:
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list):
        return f"{_type(value)} where a list of tokens is expected"
    tokens: list[str] = []
    for position, token in enumerate(value, 1):
        if isinstance(token, bool) or not isinstance(token, str | int):
            return f"{_type(token)} where a token is expected, at position {position} of {len(value)}"
        text = _integer_text(token) if isinstance(token, int) else token
        if isinstance(text, tuple):
            return f"{text[0]}, at position {position} of {len(value)}"
        if "\0" in text or not _is_encodable(text):
            return f"a NUL byte or a lone surrogate, at position {position} of {len(value)}"
        tokens.append(text)
    return tokens


def _series_of(notation: Notation) -> Callable[[list[Any]], tuple[pa.Array, dict[int, Fault]]]:
    """Lists of numbers, lists of lists (one per channel), or text."""

    def convert(values: list[Any]) -> tuple[pa.Array, dict[int, Fault]]:
        rows: list[list[list[float | None]] | None] = []
        faults: dict[int, Fault] = {}
        for index, value in enumerate(values):
            row = None if value is None else _series_row(value, notation)
            if isinstance(row, str):
                faults[index], row = row, None
            rows.append(row)
        return pa.array(rows, SERIES), faults

    return convert


def _series_row(value: Any, notation: Notation) -> list[list[float | None]] | Fault | None:
    if not isinstance(value, str):
        return check_nested(value)
    if not _is_encodable(value):
        return "text with a lone surrogate (half of a letter)"
    lists, found = parse_cells(pa.array([value], pa.string()), notation=notation)
    if found:
        return found[0]
    return [lists[0].as_py()] if lists[0].is_valid else None


def _type(value: Any) -> str:
    names = {
        str: "text", bool: "true or false", dict: "an object", list: "a list", int: "an integer", float: "a fraction",
        bytes: "binary data", type(None): "null",
    }  # fmt: skip
    return names.get(type(value), type(value).__name__)


_SEQUENCES: dict[Kind, Callable[[list[Any]], tuple[pa.Array, dict[int, Fault]]]] = {
    "text": _text_sequences,
    "dna": _text_sequences,
    "protein": _text_sequences,
    "tokens": _token_sequences,
}
