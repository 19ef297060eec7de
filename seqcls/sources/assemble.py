"""Records as read from a file -> rows of the table and rejects.

In: `Records`. Out: `SourceBatch`. Promise: every record is in exactly one of the two; a reject lists all its reasons.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.numbers import (
    SERIES,
    Notation,
    check_nested,
    from_number_lists,
    join_channels,
    parse_cells,
    parse_nested,
)
from seqcls.sources.reading import ROLES, Problems, Reading, Records, Reject, Role, add_problem, constant
from seqcls.sources.times import times_column
from seqcls.sources.token_lists import TOKENS, parse_lists
from seqcls.table import SourceBatch, Split, rejects_table, table_schema

_ROUNDED = r"^\d(\.\d+)?[Ee]\+\d{2}$"
_CHOICES = '{"choices":'
"""How a CSV export of Label Studio writes several choices of one row."""
SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What a column of splits may say."""


def assemble(reading: Reading, records: Records) -> SourceBatch:
    """One batch of the table, with its rejects."""
    problems: Problems = {index: list(reasons) for index, reasons in records.problems.items()}
    _add_folder_values(reading, records)
    schema = table_schema(reading.kind)
    rows = len(records.rows)
    columns = records.columns
    filled = {
        "id": _ids(reading, records, problems),
        "sequence": _sequence(reading, records, problems),
        "label": _classes(reading, _labels(reading, records, problems)),
        "time": _times(reading, columns, rows, problems),
        "group": _optional_text(reading, columns, "group", rows, problems),
        "split": _splits(reading, records, problems),
        "source_file": constant(reading.file.name, rows),
        "source_row": records.rows,
    }
    table = pa.Table.from_arrays(
        [filled[field.name].cast(field.type) for field in schema], schema=schema.remove_metadata()
    )
    rejects = list(records.rejects)
    if problems:
        rejects += [_reject(reading, records, filled["id"], index, problems) for index in problems]
        keep = np.ones(rows, bool)
        keep[list(problems)] = False
        table = table.filter(pa.array(keep))
    rejects.sort(key=lambda row: int(str(row["source_row"])))
    return SourceBatch(table, rejects_table(rejects), rows + len(records.rejects))


def _reject(reading: Reading, records: Records, ids: pa.Array, index: int, problems: Problems) -> Reject:
    columns, rules, reasons = zip(*problems[index], strict=True)
    return {
        "source_file": reading.file.name,
        "source_row": records.rows[index].as_py(),
        "id": ids[index].as_py(),
        "columns": list(columns),
        "rules": list(rules),
        "reasons": list(reasons),
        "raw": records.raw(index) if records.raw else None,
    }


def _ids(reading: Reading, records: Records, problems: Problems) -> pa.Array:
    """The id column as text, or FILE:ROW."""
    column = records.columns.get("id")
    if column is None:
        numbers = records.rows.cast(pa.string())
        return pc.binary_join_element_wise(constant(reading.file.name, len(numbers)), numbers, ":")
    name = reading.source.id or "id"
    for index in pc.indices_nonzero(pc.fill_null(_is_blank(column), True)).to_pylist():
        if not any(column == name for column, _, _ in problems.get(index, [])):  # otherwise the reason is known already
            add_problem(problems, index, name, "id", "no id; an id names the row in the scores")
    rounded = pc.fill_null(pc.match_substring_regex(column, _ROUNDED), False)
    for index in pc.indices_nonzero(rounded).to_pylist():
        reason = f"{column[index].as_py()!r} is a number that a spreadsheet has rounded; export the ids as text"
        add_problem(problems, index, name, "id", reason)
    _refuse_nul(column, name, problems)
    return pc.fill_null(column, "")


def _is_blank(column: pa.Array) -> pa.Array:
    """Nothing but blanks of any kind."""
    return pc.or_(pc.equal(column, ""), pc.utf8_is_space(column))


def _optional_text(
    reading: Reading, columns: dict[Role, pa.Array], role: Role, rows: int, problems: Problems
) -> pa.Array:
    """Blank cells are missing values, whatever kind of blank they hold."""
    column = columns.get(role)
    if column is None:
        return constant(None, rows)
    _refuse_nul(column, str(getattr(reading.source, role)), problems)
    return pc.if_else(_is_blank(column), pa.scalar(None, pa.string()), column)


def _labels(reading: Reading, records: Records, problems: Problems) -> pa.Array:
    """Classes as they are written, wherever they stand."""
    rows = len(records.rows)
    if reading.apart is not None:
        column, faults = reading.apart.of(records.rows, records.columns.get("id"), reading.file)
        for index, reason in faults.items():
            add_problem(problems, index, reading.source.label, "label", reason)
        records.columns["label"] = column
    elif reading.label_place in ("file", "folder"):
        return constant(reading.file_label(), rows)
    column = _optional_text(reading, records.columns, "label", rows, problems)
    for index in pc.indices_nonzero(pc.fill_null(pc.starts_with(column, _CHOICES), False)).to_pylist():
        reason = f"{column[index].as_py()[:80]} is a list of choices; a row has one class"
        add_problem(problems, index, reading.source.label, "label", reason)
    return column


def _splits(reading: Reading, records: Records, problems: Problems) -> pa.Array:
    """The split of the file, or what each row says."""
    rows, name = len(records.rows), reading.source.split or "split"
    column = _optional_text(reading, records.columns, "split", rows, problems)
    if not reading.labelled or (reading.source.split is None and "split" not in records.columns):
        return constant(reading.file.split, rows)
    known = pa.array(list(SPLIT_WORDS), pa.string())
    places = pc.index_in(pc.utf8_lower(pc.utf8_trim_whitespace(column)), value_set=known)
    for index in pc.indices_nonzero(pc.is_null(places)).to_pylist():
        found = repr(column[index].as_py()) if column[index].is_valid else "no value"
        add_problem(problems, index, name, "split", f"{found}; expected train, valid or test")
    return pa.array(list(SPLIT_WORDS.values()), pa.string()).take(places)


def _classes(reading: Reading, column: pa.Array) -> pa.Array:
    """Classes as `source.classes` names them; "" is a missing class."""
    known = reading.source.classes
    if not known:
        return column
    places = pc.index_in(column, value_set=pa.array(list(known), pa.string()))
    named = pa.array([name or None for name in known.values()], pa.string()).take(places)
    return pc.if_else(pc.is_valid(places), named, column)


def _times(reading: Reading, columns: dict[Role, pa.Array], rows: int, problems: Problems) -> pa.Array:
    column = columns.get("time")
    if column is None:
        return pa.nulls(rows, pa.timestamp("us", tz="UTC"))
    times, faults = times_column(column, reading.source.time_zone, reading.source.time_format)
    for index, reason in faults.items():
        add_problem(problems, index, reading.source.time or "time", "time", reason)
    return times


def _add_folder_values(reading: Reading, records: Records) -> None:
    """What a `key=value` folder says of all rows of its files, where the file has no such column."""
    for role in ROLES:
        name = getattr(reading.source, role)
        if name in reading.folder_values and role not in records.columns:
            records.columns[role] = constant(reading.folder_values[name], len(records.rows))


def _refuse_nul(column: pa.Array, name: str, problems: Problems) -> None:
    letters = np.frombuffer(column.buffers()[-1] or b"", np.uint8)
    if not len(letters) or letters.min():  # searching row by row took a tenth of the reading time
        return
    for index in pc.indices_nonzero(pc.fill_null(pc.match_substring(column, "\0"), False)).to_pylist():
        add_problem(problems, index, name, "nul", "a NUL byte: no text has one, so the file is damaged or binary")


def _sequence(reading: Reading, records: Records, problems: Problems) -> pa.Array:
    names = reading.sequence_columns
    if not names:
        return constant(None, len(records.rows))
    if reading.kind == "series":
        return _series(records.sequence, names, problems, reading.notation)
    column = records.sequence[0] if len(records.sequence) == 1 else _joined(records.sequence)
    if reading.kind == "tokens":
        return _tokens(column, names[0], problems)
    _refuse_nul(column, names[0], problems)
    return column


def _joined(columns: list[pa.Array]) -> pa.Array:
    """Texts joined by a blank, without those that are blank; missing only where all are."""
    nothing = pa.scalar(None, pa.string())
    joined, *others = [pc.if_else(_is_blank(column), nothing, column) for column in columns]
    for other in others:
        joined = pc.coalesce(pc.binary_join_element_wise(joined, other, " "), joined, other)
    return pc.if_else(pc.is_valid(pc.coalesce(*columns)), pc.fill_null(joined, ""), nothing)


def _tokens(column: pa.Array, name: str, problems: Problems) -> pa.Array:
    """Text is a list, or is split at white space."""
    if column.type == TOKENS:
        return column
    _refuse_nul(column, name, problems)
    trimmed = pc.ascii_trim_whitespace(column)
    words, faults = parse_lists(trimmed, pc.ascii_split_whitespace(trimmed))
    for index, reason in faults.items():
        add_problem(problems, index, name, "tokens", reason)
    nothing = pc.fill_null(pc.equal(trimmed, ""), False)
    if not pc.any(nothing).as_py():
        return words
    return pc.if_else(nothing, pa.scalar([], TOKENS), words)


def _series(columns: list[pa.Array], names: list[str], problems: Problems, notation: Notation) -> pa.Array:
    if len(columns) == 1 and columns[0].type == SERIES:
        return columns[0]
    if len(columns) == 1 and pa.types.is_string(columns[0].type) and _any_nested(columns[0]):
        return _mixed_series(columns[0], names[0], problems, notation)
    channels = []
    for number, column in enumerate(columns):
        is_text = pa.types.is_string(column.type)
        lists, faults = parse_cells(column, notation=notation) if is_text else from_number_lists(column)
        for index, reason in faults.items():
            add_problem(problems, index, names[min(number, len(names) - 1)], "number", reason)
        channels.append(lists)
    joined, unequal = join_channels(
        channels, names if len(names) == len(channels) else [str(n) for n in range(1, len(channels) + 1)]
    )
    for index, reason in unequal.items():
        add_problem(problems, index, names[0], "channels", reason)
    return joined


def _any_nested(column: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, r"^\s*\[\s*\[")).as_py())


def _mixed_series(column: pa.Array, name: str, problems: Problems, notation: Notation) -> pa.Array:
    """Text with JSON lists of lists, one inner list per channel (perhaps not in every row)."""
    rows: list[list[list[float | None]] | None] = []
    for index, text in enumerate(column.to_pylist()):
        if text is not None and text.lstrip().startswith("["):
            result = parse_nested(text)
        else:
            lists, faults = parse_cells(pa.array([text], pa.string()), notation=notation)
            result = faults[0] if faults else check_nested(lists[0].as_py()) if lists[0].is_valid else ""
        if isinstance(result, str):
            if result:
                add_problem(problems, index, name, "number", result)
            rows.append(None)
        else:
            rows.append(result)
    return pa.array(rows, SERIES)
