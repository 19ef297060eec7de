"""What the moves of the champion mean: which versions stand behind it, and which were rolled back.

In: the moves, oldest first. Out: `History`. The rule: a promotion puts a version on top, a rollback takes versions off
until the one that it went to is on top; a version that was taken off counts as rolled back until it is named again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from seqcls.registry.journal import ROLLBACK


@dataclass(frozen=True)
class History:
    """`standing` are the versions that were promoted and not rolled back, oldest first: the last one is champion."""

    standing: tuple[int, ...]
    rolled_back: dict[int, Row[Any]]
    """Version -> the move that took it off."""
    champions: frozenset[int]
    """Every version that was champion at some time."""

    @property
    def earlier(self) -> int | None:
        """Where a rollback goes: the newest that stands behind the champion and was not rolled back itself."""
        champion = self.standing[-1:]
        found = [number for number in self.standing if (number,) != champion and number not in self.rolled_back]
        return found[-1] if found else None


def read_history(moves: Iterable[Row[Any]]) -> History:
    """The history that the ledger's moves make."""
    standing: list[int] = []
    gone: dict[int, Row[Any]] = {}
    champions: set[int] = set()
    for move in moves:
        version = move.to_version
        champions.add(version)
        if version in standing and _is_rollback(move, standing):
            while standing[-1] != version:
                gone[standing.pop()] = move
        elif standing[-1:] != [version]:
            if move.kind == ROLLBACK and standing:  # to a version by name that does not stand behind the champion
                gone[standing.pop()] = move
            standing.append(version)
        gone.pop(version, None)
    return History(tuple(standing), gone, frozenset(champions))


def _is_rollback(move: Row[Any], standing: list[int]) -> bool:
    """An earlier release did not write down what a move was: one step back is taken for a rollback."""
    return bool(move.kind == ROLLBACK or (not move.kind and standing[-2:-1] == [move.to_version]))
