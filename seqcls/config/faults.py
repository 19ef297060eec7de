"""pydantic's errors -> one line a fault: place, what was found, what is allowed, the nearest known name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from seqcls.config.families import family_names
from seqcls.config.model import Family, find_family
from seqcls.config.pipeline import AnyPipeline
from seqcls.config.train import REMOVED
from seqcls.table import KINDS

_UNION_TAGS = frozenset(KINDS)


def describe_fault(fault: Any, data: dict[str, Any]) -> str:
    """A sentence about one of pydantic's faults; sections that do not fit together give a line each."""
    place = _place(fault["loc"], data)
    found = fault.get("input")
    if removed := REMOVED.get(place, REMOVED.get(f'{place} = "{found}"')):
        return f"{place} = {json.dumps(found)}: {removed}"
    match fault["type"]:
        case "extra_forbidden":
            parent, _, key = place.rpartition(".")
            near = _nearest(key, _known_keys(parent, data))
            return f"{place}: unknown key; {near}"
        case "missing":
            return f"{place}: missing; {_about(place, data)}"
        case "literal_error" | "union_tag_invalid":
            allowed = fault["ctx"].get("expected") or fault["ctx"].get("expected_tags", "")
            names = [name.strip(" '") for name in allowed.replace(" or ", ", ").split(",")]
            if fault["type"] == "union_tag_invalid":
                place, found = _tag_place(place, fault), fault["ctx"].get("tag")
            elif place.startswith("model.") and (others := _families_with(place.partition(".")[2], found)):
                return f"{place}: {found!r} is for {', '.join(others)}; known: {', '.join(names)}"
            return f"{place}: {found!r} is not known; {_nearest(str(found), names)}"
        case "union_tag_not_found":
            return f"{_tag_place(place, fault)}: missing; one of {_tags(place)}"
        case "value_error":
            text = str(fault["ctx"]["error"])
            return f"{place}: {text}" if place else text
        case "string_pattern_mismatch":
            return f"{place}: {_short(found)} does not fit; {_about(place, data)}"
    text = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{place}: {_short(found)}: {text}"


def _families_with(key: str, value: object) -> list[str]:
    """The families whose setting of this name may have the value."""
    classes = {name: find_family(name) for name in family_names()}
    return [
        name
        for name, family in classes.items()
        if key in family.model_fields and value in get_args(family.model_fields[key].annotation)
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _tags(place: str) -> str:
    return ", ".join(family_names() if place.endswith("model") else KINDS)


def _tag_place(place: str, fault: Any) -> str:
    name = str(fault["ctx"].get("discriminator", "")).strip("'")
    return f"{place}.{name}" if place else name


def _place(loc: tuple[int | str, ...], data: dict[str, Any]) -> str:
    """('series', 'train', 'epoch') -> 'train.epoch': the tags that pydantic adds are no keys of the file."""
    parts: list[str] = []
    here: Any = data
    for step in loc:
        if isinstance(step, int):
            parts[-1:] = [f"{parts[-1]}[{step}]"] if parts else [f"[{step}]"]
            here = here[step] if isinstance(here, list) and step < len(here) else None
            continue
        is_tag = step in _UNION_TAGS and not (isinstance(here, dict) and step in here)
        if is_tag:
            continue
        parts.append(step)
        here = here.get(step) if isinstance(here, dict) else None
    return ".".join(parts)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}? Known: {', '.join(known)}"
    return f"known: {', '.join(known)}"


def _about(place: str, data: dict[str, Any]) -> str:
    parent, _, key = place.rpartition(".")
    model = _model_at(parent, data)
    field = model.model_fields.get(key) if model else None
    return (field.description or "this key is needed") if field else "this key is needed"


def _known_keys(parent: str, data: dict[str, Any]) -> list[str]:
    model = _model_at(parent, data)
    return list(model.model_fields) if model else []


def _model_at(place: str, data: dict[str, Any]) -> type[BaseModel] | None:
    """The section class that stands at a place such as 'model' or 'rules.custom[0]'."""
    model = _choose(AnyPipeline, data)
    here: Any = data
    for step in [part for part in place.split(".") if part]:
        name, _, index = step.partition("[")
        here = here.get(name) if isinstance(here, dict) else None
        if index and isinstance(here, list):
            here = here[int(index.rstrip("]"))]
        if model is None or name not in model.model_fields:
            return None
        model = _choose(model.model_fields[name].annotation, here)
    return model


def _choose(annotation: Any, data: Any) -> type[BaseModel] | None:
    """The section class of an annotation; of a union, the one whose discriminator agrees with the data."""
    models = list(_models(annotation))
    if models == [Family]:
        name = data.get("family") if isinstance(data, dict) else None
        return find_family(name) if name in family_names() else None
    for model in models:
        field = model.model_fields.get("kind")
        if field and isinstance(data, dict) and data.get("kind") in get_args(field.annotation):
            return model
    return models[0] if models else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated, list):
        for part in get_args(annotation):
            yield from _models(part)
