"""Tables of numbers: one column a time point (wide), or one record a measurement (long)."""

from __future__ import annotations

import fnmatch
import re

from seqcls.detection.columns import NUMBER, Column
from seqcls.detection.found import Found

_POINT = re.compile(r"^\D{0,12}[+-]?\d")
_DAY = re.compile(r"^\d{4}-\d\d-\d\d([T ]|$)")
_POSITION = re.compile(r"time|stamp|^(t|pos|position|index|sample|step|tick|frame|seconds?|ms|epoch)(_?ms|_?s)?$", re.I)


def set_wide(found: Found, points: list[Column], columns: list[Column], label: Column | None) -> set[int]:
    """Columns of numbers become the points of one series."""
    found.kind = "series"
    keep_the_tab(found)
    found.set("format", "wide", f"{len(points)} columns of numbers beside the class")
    numbered = [column for column in points if _POINT.match(column.name)]
    if 5 <= len(numbered) < len(points):  # age beside 0.0, 0.25, 0.5
        found.notes.append("numbers that are no points of the series, by their titles: "
                           + ", ".join(repr(column.name) for column in points if column not in numbered))  # fmt: skip
        points = numbered
    names = [column.name for column in points]
    rest = [column.name for column in columns if column not in points and column is not label]
    prefix = _common_start(names).rstrip("0123456789")
    pattern = f"{prefix}*"
    places = [int(name) for name in names] if all(name.isdigit() for name in names) else []
    if "header" in found.settings and places == list(range(places[0], places[0] + len(places))):
        found.set("values", f"{places[0]}:{places[-1] + 1}", f"{len(names)} columns of numbers, by position")
    elif prefix and not set("*?[]") & set(prefix) and not any(fnmatch.fnmatchcase(name, pattern) for name in rest):
        found.set("values", [pattern], f"{len(names)} columns of numbers, from {names[0]} to {names[-1]}")
    else:
        found.set("values", names, f"{len(names)} columns of numbers; a pattern such as v* is shorter")
    if any("," in text for column in points[:3] for text in column.texts[:50]):
        found.set("decimal", ",", "numbers such as -0,31")
    return {id(column) for column in points}


def _common_start(names: list[str]) -> str:
    low, high = min(names), max(names)
    return low[: next((at for at, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1]), len(low))]


def as_long(found: Found, columns: list[Column]) -> bool:
    """One record a measurement: an id that repeats, a number that grows within it, and a value."""
    by_name = {column.name.lower(): column for column in columns}
    rows = len(columns[0].values) if columns else 0
    ids = [c for c in columns if 1 < len(c.counts) <= rows / 5 and len(c.texts) == rows]
    for key in (c for c in ids if not _POSITION.search(c.name)):
        numbers = [c for c in columns if c.is_number and c is not key]
        label = next((c for c in ids if c is not key and len(c.counts) < len(key.counts) and _constant(key, c)), None)
        times = [c for c in numbers if c is not label and _POSITION.search(c.name)]
        times = times or [c for c in columns if _POSITION.search(c.name) and c.share(_DAY) > 0.95]
        times = times or [c for c in numbers if c is not label and _grows(key, c)]
        values = [c for c in numbers if c not in times[:1] and c is not label]
        if label is None or not times or len(values) != 1:
            continue
        channel = next(
            (c for c in ids if c not in (key, label, times[0]) and len(c.counts) <= 50 and not c.is_number), None
        )
        found.kind = "series"
        keep_the_tab(found)
        found.set(
            "format", "long", f"one measurement a record: {key.name!r} repeats, {times[0].name!r} grows within it"
        )
        found.set("id", key.name, f"{len(key.counts)} series in {rows} records")
        found.set("position", times[0].name, f"grows within {key.name!r}")
        found.set("value", values[0].name, "the other column of numbers")
        found.set("label", label.name, f"the same within each {key.name!r}: {len(label.counts)} values")
        if channel is not None:
            found.set("channel", channel.name, f"{len(channel.counts)} values: {', '.join(list(channel.counts)[:6])}")
        return bool(by_name)
    return False


def keep_the_tab(found: Found) -> None:
    """tsv is a format of texts: tables of numbers name the tab."""
    if found.settings.get("format") == "tsv":
        found.set("delimiter", "\t", "fields divided by tab")


def _constant(key: Column, other: Column) -> bool:
    first: dict[object, object] = {}
    return all(first.setdefault(k, v) == v for k, v in zip(key.values, other.values, strict=True))


def _grows(key: Column, other: Column) -> bool:
    seen: dict[tuple[object, str], float] = {}
    falls = 0
    for k, v in zip(key.values, other.texts, strict=False):
        if not NUMBER.match(v):
            return False
        number = float(v.replace(",", "."))
        falls += number < seen.get((k, ""), float("-inf"))
        seen[(k, "")] = number
    return falls <= len(key.counts) and len(other.counts) > 4 and falls < len(other.values) / 4
