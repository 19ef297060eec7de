"""Classes that a person cannot tell apart, or that look like a missing value.

In: the rows of each class. Out: sentences. Promise: nothing is merged: `Pos` and `pos` stay two classes; the sentence
shows how they differ and the line of the config that joins them. Alike are names that differ only in case, blanks,
Unicode form (NFKC), invisible characters, or in how a number is written (1, 1.0, 01).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping

MOST_GROUPS = 10
_MISSING = frozenset({"null", "nan", "na", "n/a", "none", "?", "<na>", "nil"})
_NUMBER = re.compile(r"[+-]?0*([0-9]+)(?:[.,]0+)?")


def look_alikes(classes: Mapping[str, int]) -> list[str]:
    """A sentence for each group of classes that look alike, the largest groups first; then for missing values."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in classes:
        groups[_plain(name)].append(name)
    alike = [sorted(names, key=lambda name: (-classes[name], len(name))) for names in groups.values() if len(names) > 1]
    alike.sort(key=lambda names: -sum(classes[name] for name in names))
    said = [
        f"{len(names)} classes look alike: {', '.join(f'{_shown(name)} {classes[name]} rows' for name in names)}; "
        f"if they are one class, join them in [source]: {_joined(names)}"
        for names in alike[:MOST_GROUPS]
    ]
    more = len(alike) - MOST_GROUPS
    said += [f"{more} more groups of classes look alike"] if more > 0 else []
    return said + [
        f"the class {_shown(name)} ({count} rows) looks like a missing value; if it is one, write it in [source]: "
        f'classes = {{{json.dumps(name)} = ""}}'
        for name, count in classes.items()
        if _plain(name) in _MISSING
    ]


def _joined(names: list[str]) -> str:
    """`classes = {"billing " = "billing"}`: all spellings become that of most rows."""
    pairs = ", ".join(f"{json.dumps(name)} = {json.dumps(names[0])}" for name in names[1:])
    return f"classes = {{{pairs}}}"


def _plain(name: str) -> str:
    """The name without case, blanks, combining marks and invisible characters; a whole number without its zeros."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(letter for letter in folded if unicodedata.category(letter)[0] not in "ZC")
    number = _NUMBER.fullmatch(plain)
    return f"{'-' * plain.startswith('-')}{number[1]}" if number else plain


def _shown(name: str) -> str:
    """In quotes; combining marks, and all but letters, signs and plain blanks, are escaped."""
    letters = (
        letter if letter == " " or unicodedata.category(letter)[0] not in "ZCM" else _escape(letter) for letter in name
    )
    return f"'{''.join(letters)}'"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
