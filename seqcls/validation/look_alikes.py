"""Classes that look the same: they differ only in case, blanks, Unicode form, or invisible characters.

In: the rows of each class. Out: sentences. Promise: nothing is merged: `Pos` and `pos` stay two classes, and the
sentence shows how they differ.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping

MOST_GROUPS = 10


def look_alikes(classes: Mapping[str, int]) -> list[str]:
    """A sentence for each group of classes that look alike, the largest groups first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in classes:
        groups[_plain(name)].append(name)
    alike = [sorted(names, key=lambda name: -classes[name]) for names in groups.values() if len(names) > 1]
    alike.sort(key=lambda names: -sum(classes[name] for name in names))
    said = [
        f"{len(names)} classes look alike: {', '.join(f'{_shown(name)} {classes[name]} rows' for name in names)}; "
        f"they differ in case, blanks, Unicode form or invisible characters: if they are one class, write it one way"
        for names in alike[:MOST_GROUPS]
    ]
    more = len(alike) - MOST_GROUPS
    return said + ([f"{more} more groups of classes look alike"] if more > 0 else [])


def _plain(name: str) -> str:
    """The name without case, blanks, combining marks and invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in folded if unicodedata.category(letter)[0] not in "ZC")


def _shown(name: str) -> str:
    """In quotes; combining marks, and all but letters, signs and plain blanks, are escaped."""
    letters = (
        letter if letter == " " or unicodedata.category(letter)[0] not in "ZCM" else _escape(letter) for letter in name
    )
    return f"'{''.join(letters)}'"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
