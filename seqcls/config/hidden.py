"""Faults that pydantic does not come to, because others stop it before.

In: its error, and the document. Out: further faults, each with the document that it is described by.
"""

from __future__ import annotations

import copy
import difflib
from typing import Any

from pydantic import TypeAdapter, ValidationError

from seqcls.table import KINDS

Fault = tuple[Any, dict[str, object]]


def faults_behind(
    error: ValidationError, data: dict[str, object], adapter: TypeAdapter[Any]
) -> list[tuple[Any, dict[str, object]]]:
    """A wrong `kind` stops the reading: read on with the nearest kind, for the sections that it leaves alone."""
    if not any(fault["type"].startswith("union_tag") and not fault["loc"] for fault in error.errors(include_url=False)):
        return []
    near = difflib.get_close_matches(str(data.get("kind", "")), KINDS, n=1)
    guess = {**data, "kind": near[0] if near else "text"}
    if not near:
        guess = {key: value for key, value in guess.items() if key not in ("encode", "rules")}
    try:
        adapter.validate_python(guess)
    except ValidationError as more:
        # a fault without a place is about how the parts fit together: not to be judged by a guess
        return [(fault, guess) for fault in more.errors(include_url=False) if fault["loc"][1:]]
    return []


def _without_faulty_keys(error: ValidationError, data: dict[str, object]) -> dict[str, object] | None:
    """The document without unknown keys, and with the defaults of [model] and [train] in the place of wrong values.

    None without any of these. A default of other sections could be a fault where the value that was meant is none.
    """
    faulty = []
    for fault in error.errors(include_url=False):
        place = fault["loc"]
        if fault["type"] == "extra_forbidden":
            faulty.append(place)
        elif place[1:2] in (("model",), ("train",)) and len(place) > 2:
            faulty.append(place[:3])
    if not faulty:
        return None
    pruned = copy.deepcopy(data)
    for *way, key in faulty:
        here: Any = pruned
        for step in way:
            if isinstance(here, dict):
                here = here.get(step, here)  # a step that is no key is the name of a choice, added by pydantic
            elif isinstance(here, list) and isinstance(step, int):
                here = here[step]
        if isinstance(here, dict):
            here.pop(key, None)
    return pruned


def faults_hidden(
    error: ValidationError, data: dict[str, object], adapter: TypeAdapter[Any]
) -> list[tuple[Any, dict[str, object]]]:
    """How sections fit together is only judged once each is right: judge it as if the faulty keys were gone."""
    pruned = _without_faulty_keys(error, data)
    told = {(fault["loc"], fault["msg"]) for fault in error.errors(include_url=False)}
    if pruned is None or len(told) < error.error_count():
        return []
    try:
        adapter.validate_python(pruned)
    except ValidationError as more:
        return [(fault, data) for fault in more.errors(include_url=False) if (fault["loc"], fault["msg"]) not in told]
    return []
