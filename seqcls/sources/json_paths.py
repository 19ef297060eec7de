"""Keys below keys of JSON: `data.text`, and `label[0]` for a list that holds one value.

In: the objects of a block and the names that the config asks for. Out: the objects with the value under the asked name,
and the rows where a path ends in a fault. Promise: `[0]` never picks one of several values; such a row is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_STEP = re.compile(r"([^\[\].]+)((?:\[0\])*)")
ONLY = "[0]"
"""The step to the value of a list that holds one."""


class PathFault(ValueError):
    """The path leads to something else than one value."""


def path_of(name: str) -> list[str] | None:
    """Steps of a path (`label[0]` -> `label`, `[0]`); None for the name of a plain key."""
    steps = []
    for part in name.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            return None
        steps += [match[1], *[ONLY] * (len(match[2]) // len(ONLY))]
    return steps if len(steps) > 1 else None


def paths_of(names: Iterable[str | None]) -> dict[str, list[str]]:
    """Name -> steps, of those names that are paths."""
    found = {name: path_of(name) for name in names if name}
    return {name: steps for name, steps in found.items() if steps}


def fill(value: dict[str, Any], name: str, steps: list[str]) -> None:
    """Put the value at the end of the path under `name`; a key of just this name wins. Raises `PathFault`."""
    if name in value:
        return
    here: Any = value
    for step in steps:
        if here is None:
            break
        if step != ONLY:
            if not isinstance(here, dict):
                raise PathFault(f"{str(here)[:40]!r} where an object with {step!r} is expected")
            if step not in here:
                return
            here = here[step]
        elif not isinstance(here, list):
            raise PathFault(f"{str(here)[:40]!r} where a list of one value is expected")
        elif len(here) > 1:
            raise PathFault(f"{len(here)} values {str(here)[:60]} where a list of one value is expected")
        else:
            here = here[0] if here else None
    value[name] = here
