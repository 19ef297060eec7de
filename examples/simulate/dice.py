"""Fast repeatable choices one at a time: NumPy's uniforms drawn in blocks, for grammars that need a choice a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
_BLOCK = 65_536


class Dice:
    """The same seed and stream give the same throws; streams of one seed are independent of each other."""

    def __init__(self, seed: int, stream: int) -> None:
        self._rng = np.random.default_rng([seed, stream])
        self._block: list[float] = []

    def throw(self) -> float:
        """A number in [0, 1)."""
        if not self._block:
            self._block = self._rng.random(_BLOCK).tolist()
        return self._block.pop()

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return int(self.throw() * bound)

    def chance(self, share: float) -> bool:
        return self.throw() < share

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.throw() * len(items))]
