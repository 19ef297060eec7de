"""Exports of annotation tools: Label Studio (JSON and JSON-MIN), doccano (JSONL), Prodigy and spaCy (JSONL).

In: one object of an export. Out: the object with the text under `source.sequence` and the class under `source.label`,
or why the row has no single class. Promise: where annotators disagree, or chose several classes, the row is rejected
with what they chose; a class is never picked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqcls.sources.reading import Reading

Annotated = dict[str, Any]


class NoSingleClass(ValueError):
    """Why a row has none."""


def annotated(reading: Reading, found: Annotated) -> Annotated:
    """The object as the readers of JSON expect it. Raises NoSingleClass, unless no class is wanted."""
    [text], label = reading.sequence_columns, reading.source.label
    read = TOOLS[reading.source.format]
    flat = {**found, **found["data"]} if isinstance(found.get("data"), dict) else dict(found)
    if text not in flat:
        flat[text] = flat.get("text")
    try:
        flat[label] = read(flat, label)
    except NoSingleClass:
        if reading.labelled:
            raise
        flat[label] = None
    return flat


def _label_studio(found: Annotated, label: str) -> str | None:
    if "annotations" not in found:  # JSON-MIN, or a task that nobody has annotated
        return _only(_choices(found.get(label)))
    chosen = [
        tuple(choice for result in one.get("result") or [] for choice in _choices(result.get("value")))
        for one in found["annotations"] or [] if not one.get("was_cancelled")
    ]  # fmt: skip
    if len(set(chosen)) > 1:
        raise NoSingleClass(f"annotators disagree: {', '.join(' + '.join(one) or 'nothing' for one in chosen)}")
    return _only(list(chosen[0])) if chosen else None


def _choices(value: object) -> list[str]:
    if isinstance(value, dict):
        value = value.get("choices") or []
    return [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)]


def _doccano(found: Annotated, label: str) -> str | None:
    value = found.get(label, found.get("labels"))
    if isinstance(value, list) and any(isinstance(one, list | dict) for one in value):
        raise NoSingleClass("labels of parts of the text; a row has one class")
    return _only(_choices(value))


def _prodigy(found: Annotated, label: str) -> str | None:
    """`accept` of choices, `cats` of spaCy, or the one `label` that was asked about."""
    answer = found.get("answer", "accept")
    if answer != "accept":
        raise NoSingleClass(f"the answer is {answer!r}")
    if isinstance(found.get("cats"), dict):
        return _only([name for name, share in found["cats"].items() if isinstance(share, int | float) and share >= 0.5])
    return _only(_choices(found["accept"] if "accept" in found else found.get(label, found.get("label"))))


def _only(chosen: list[str]) -> str | None:
    if len(chosen) > 1:
        raise NoSingleClass(f"{len(chosen)} classes: {', '.join(chosen[:10])}; a row has one")
    return chosen[0] if chosen else None


TOOLS: dict[str, Callable[[Annotated, str], str | None]] = {
    "label-studio": _label_studio, "doccano": _doccano, "prodigy": _prodigy,
}  # fmt: skip
