"""Objects of JSON: one per line, over several lines, in an array; as annotation tools export them, or nested."""

from __future__ import annotations

import json

from seqcls.detection.columns import Column
from seqcls.detection.found import Found
from seqcls.detection.heads import Head

MOST_ROWS = 1000
_DEEPEST = 3
Record = dict[str, object]


def records_of(heads: list[Head]) -> tuple[list[Record], str]:
    """The first objects of the files, and how they stand."""
    start = heads[0].text.lstrip()
    if start.startswith("["):
        return [record for head in heads for record in _items(head.text, head.text.find("[") + 1)], "a JSON array"
    lines = [record for head in heads for record in _by_line(head)]
    if lines:
        return lines, "one JSON object a line"
    return [record for head in heads for record in _items(head.text, 0)], "JSON objects over several lines"


def _by_line(head: Head) -> list[Record]:
    records = []
    for line in head.lines[:MOST_ROWS]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def _items(text: str, at: int) -> list[Record]:
    """The objects from a place on, as far as the text goes."""
    records: list[Record] = []
    decoder = json.JSONDecoder()
    while len(records) < MOST_ROWS:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):  # the end of the array, or of what was read
            break
        if isinstance(record, dict):
            records.append(record)
    return records


def annotation_tool(found: Found, records: list[Record]) -> bool:
    """Set the format of the tool that wrote them, if it is one."""
    keys = {key for record in records for key in record}
    if {"annotations", "data"} <= keys:
        return _label_studio(found, records)
    if "cats" in keys or {"accept", "answer"} <= keys or {"label", "answer"} <= keys:
        found.set("format", "prodigy", "objects with " + ("cats" if "cats" in keys else "answer"))
        found.set("sequence", "text", "as Prodigy and spaCy call it")
        found.set("label", "label", "from accept, cats or label")
        return True
    return False


def _label_studio(found: Found, records: list[Record]) -> bool:
    found.set("format", "label-studio", "objects with annotations and data")
    texts = [
        name for record in records[:1] for name, value in dict(record["data"]).items() if isinstance(value, str)  # type: ignore[call-overload]
    ]  # fmt: skip
    longest = max(texts, key=lambda name: len(str(dict(records[0]["data"])[name])), default="text")  # type: ignore[call-overload]
    found.set("sequence", longest, "the longest text under data")
    found.set("label", "label", "the choice of the annotators; several or none are no class")
    return True


def columns_of(records: list[Record]) -> list[Column]:
    """One column for each key; keys below keys by paths (`data.text`), lists of one text by `label[0]`."""
    flat = [_flat(record) for record in records]
    names = dict.fromkeys(name for record in flat for name in record)
    columns = {name: [record.get(name) for record in flat] for name in names}
    return [_of_one(name, values) for name, values in columns.items()]


def _flat(record: Record, before: str = "", depth: int = 0) -> Record:
    found: Record = {}
    for name, value in record.items():
        if isinstance(value, dict) and value and depth < _DEEPEST and all("." not in str(key) for key in value):
            found |= _flat(value, f"{before}{name}.", depth + 1)
        else:
            found[f"{before}{name}"] = value
    return found


def _of_one(name: str, values: list[object]) -> Column:
    """Lists of at most one text are that text."""
    lists = [value for value in values if value is not None]
    if lists and all(
        isinstance(value, list) and len(value) <= 1 and all(isinstance(one, str) for one in value) for value in lists
    ):
        return Column(f"{name}[0]", [value[0] if value else None for value in values])  # type: ignore[index]
    return Column(name, values)
