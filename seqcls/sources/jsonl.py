"""jsonl: one JSON object per line (https://jsonlines.org), objects over several lines, or an array of them, in UTF-8.

A line that is not an object, repeats a key, or has a value of the wrong type is rejected alone. Columns are the keys; a
key that no line of the first block has is a config error and refused. A file that ends within an object was cut off,
nobody knows by how much, and is refused. `json_paths` reaches keys below keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from seqcls.sources.annotations import TOOLS, NoSingleClass, annotated
from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Lines, read_lines
from seqcls.sources.json_items import holds_items, read_items
from seqcls.sources.json_paths import PathFault, fill, paths_of
from seqcls.sources.reading import Reading, Reject, Role, pick_columns, refuse_others
from seqcls.sources.values import records_of
from seqcls.table import SourceBatch


class _Twice(ValueError):
    """A key that occurs twice: which value is meant is unknown."""


def read_jsonl(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a JSON Lines file, whose blank lines are skipped, or of an array."""
    roles: dict[Role, str] | None = None
    for lines in read_items(reading) if holds_items(reading) else read_lines(reading, skip_blank=True):
        rows, objects, raws, rejects = _parse(reading, lines)
        _refuse_columns(reading, objects)
        if roles is None and objects:
            roles = pick_columns(reading, _keys(reading, objects))
        elif roles is not None and reading.source.extra_columns == "refuse":  # otherwise its keys are not needed
            refuse_others(reading, _keys(reading, objects), [*reading.sequence_columns, *roles.values()])
        yield assemble(reading, records_of(reading, rows, objects, roles or {}, rejects, raws))


def _parse(reading: Reading, lines: Lines) -> tuple[list[int], list[dict[str, Any]], list[str], list[Reject]]:
    rows, objects, raws, rejects = [], [], [], list(lines.rejects)
    paths = paths_of(_asked(reading))
    for row, text in zip(lines.rows, lines.texts, strict=True):
        found = _object(text)
        if isinstance(found, str):
            if lines.is_unended and row == lines.rows[-1] and text.lstrip().startswith("{"):
                raise reading.ends_inside(row, found)
            rejects.append(reading.reject(row, "", "json", found, text))
            continue
        if reading.source.format in TOOLS:
            try:
                found = annotated(reading, found)
            except (NoSingleClass, AttributeError, TypeError) as error:
                known = isinstance(error, NoSingleClass)
                reason = str(error) if known else f"not an object of {reading.source.format} ({error})"
                rejects.append(reading.reject(row, reading.source.label, "label", reason, text))
                continue
        if paths and (fault := _fill_all(reading, found, paths)):
            rejects.append(reading.reject(row, fault[0], "type", fault[1], text))
            continue
        rows.append(row)
        objects.append(found)
        raws.append(text)
    return rows, objects, raws, rejects


def _refuse_columns(reading: Reading, objects: list[dict[str, Any]]) -> None:
    """Columns of rows, as pandas writes them by default, instead of rows."""
    value = objects[0].get(reading.sequence_columns[0]) if len(objects) == 1 and reading.sequence_columns else None
    if isinstance(value, dict) and list(value)[:2] == ["0", "1"]:
        raise reading.refuse(
            f"one object of columns, {len(value)} rows in each, as pandas' to_json writes it by default",
            expected="one object for each row", next_step='write df.to_json(path, orient="records", lines=True)',
        )  # fmt: skip


def _object(text: str) -> dict[str, Any] | str:
    """The object, or why the line is not one."""
    try:
        value = _DECODER.decode(text)
    except _Twice as error:
        return str(error)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:  # integers of thousands of digits; lists in lists in lists ...
        return f"not JSON that can be read: {str(error)[:80]}"
    if not isinstance(value, dict):
        return f"a JSON {type(value).__name__} where an object is expected"
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Twice(f"the key {twice!r} stands twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _asked(reading: Reading) -> list[str | None]:
    source = reading.source
    return [*reading.sequence_columns, reading.column_label(), source.id, source.time, source.group, source.split]


def _fill_all(reading: Reading, value: dict[str, Any], paths: dict[str, list[str]]) -> tuple[str, str] | None:
    """The name and the reason of the first path that ends in a fault. New data need no class, so none is at fault."""
    for name, steps in paths.items():
        try:
            fill(value, name, steps)
        except PathFault as error:
            if reading.labelled or name != reading.column_label():
                return name, str(error)
    return None


def _keys(reading: Reading, objects: list[dict[str, Any]]) -> list[str]:
    """Keys of all objects, without those that only lead to a path of the config."""
    keys = dict.fromkeys(key for value in objects for key in value)
    asked = _asked(reading)
    ways = {steps[0] for name, steps in paths_of(asked).items() if name in keys}
    return [key for key in keys if key not in ways or key in asked]
