"""Typed columns -> what the table holds: text, lists of tokens, lists of numbers, names.

In: one Arrow column of any type. Out: the column in the table's type, and a problem for each row that cannot be
converted. Promise: a type that cannot be right is refused before any row is read.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import DataRefused
from seqcls.sources.numbers import SERIES, from_number_lists
from seqcls.sources.reading import Problems, Reading, add_problem


def is_text(kind: pa.DataType) -> bool:
    """Text of any width, dictionary-encoded or not."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def check_role_type(reading: Reading, name: str, kind: pa.DataType, wanted: str) -> None:
    """A column of names or times must not hold lists or bytes."""
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise _wrong_type(reading, name, kind, wanted)


def check_value_type(reading: Reading, name: str, kind: pa.DataType) -> None:
    """A column of time points holds numbers, as numbers or as text."""
    if not (_is_number(kind) or is_text(kind) or pa.types.is_null(kind) or pa.types.is_decimal(kind)):
        raise _wrong_type(reading, name, kind, "numbers")


def check_sequence_type(reading: Reading, name: str, kind: pa.DataType) -> None:
    """The types that each kind of sequence can be made from."""
    if is_text(kind) or pa.types.is_null(kind):
        return
    inner = kind.value_type if _is_list(kind) else None
    if reading.kind == "tokens" and inner is not None and (is_text(inner) or pa.types.is_integer(inner)):
        return
    if reading.kind == "series" and inner is not None:
        deepest = inner.value_type if _is_list(inner) else inner
        if _is_number(deepest) or pa.types.is_boolean(deepest) or pa.types.is_decimal(deepest):
            return
    wanted = {"series": "lists of numbers, or text", "tokens": "lists of text or integers, or text"}
    raise _wrong_type(reading, name, kind, wanted.get(reading.kind, "text"))


def _wrong_type(reading: Reading, name: str, kind: pa.DataType, wanted: str) -> DataRefused:
    return reading.refuse(
        f"the column has type {kind}",
        column=name,
        expected=wanted,
        next_step=_other_way(name, kind) or f"write the column as {wanted}, or name another column",
    )


def _other_way(name: str, kind: pa.DataType) -> str:
    """The setting that reads a column of this type, if there is one."""
    if pa.types.is_struct(kind) and kind.num_fields:
        return f'name a field of it, such as "{name}.{kind.field(0).name}"'
    if _is_list(kind) and is_text(kind.value_type):
        return f'"{name}[0]" reads lists that hold one value; otherwise name another column'
    if _is_number(kind):
        return 'where each column is a time point, name them in source.values, such as values = ["v*"]'
    return ""


def to_sequence(reading: Reading, column: pa.Array, name: str, problems: Problems) -> pa.Array:
    kind = column.type
    if is_text(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if reading.kind == "tokens":
        tokens = column.cast(pa.list_(pa.string()))
        _inner_nulls(tokens, name, problems, "a null token")
        return tokens
    if not _is_list(kind.value_type):
        return column.cast(pa.list_(pa.float64()))
    return _nested(column.cast(pa.list_(pa.list_(pa.float64()))), name, problems)


def _inner_nulls(column: pa.Array, name: str, problems: Problems, reason: str) -> None:
    parents = pc.list_parent_indices(column)
    for index in sorted(set(parents.filter(pc.is_null(pc.list_flatten(column))).to_pylist())):
        add_problem(problems, index, name, "type", reason)


def _nested(column: pa.Array, name: str, problems: Problems) -> pa.Array:
    """list<list<number>>: one inner list per channel, all of one length."""
    _inner_nulls(column, name, problems, "a null channel")
    inner = pc.list_flatten(column)
    lists, faults = from_number_lists(inner)
    parents = pc.list_parent_indices(column).to_pylist()
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
    for position, reason in faults.items():
        add_problem(problems, parents[position], name, "number", reason)
    _note_unequal(parents, lengths, name, problems)
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, lists, mask=pc.is_null(column)).cast(SERIES)


def _note_unequal(parents: list[int], lengths: list[int], name: str, problems: Problems) -> None:
    """Rows whose channels differ in length: the first such channel is named, once per row."""
    first: dict[int, int] = {}
    noted: set[int] = set()
    for parent, length in zip(parents, lengths, strict=True):
        if first.setdefault(parent, length) != length and parent not in noted:
            noted.add(parent)
            reason = f"channel 1 has {first[parent]} values, another has {length}"
            add_problem(problems, parent, name, "channels", reason)


def to_names(column: pa.Array, name: str, problems: Problems) -> pa.Array:
    """Ids, classes, groups as text; whole floats as integers (pandas writes integers with gaps as floats)."""
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    whole = pc.and_(pc.equal(column, pc.round(column)), pc.less(pc.abs(column), 2.0**53))
    for index in pc.indices_nonzero(pc.invert(pc.fill_null(whole, True))).to_pylist():
        if column[index].as_py() == column[index].as_py():
            add_problem(problems, index, name, "type", f"{column[index]} where a name is expected")
    usable = pc.fill_null(whole, False)
    return pc.if_else(usable, column, pa.scalar(None, column.type)).cast(pa.int64()).cast(pa.string())
