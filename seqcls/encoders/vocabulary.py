"""A vocabulary: entries by frequency in the training split, then alphabetically.

In: batches of entries. Out: index 0 padding, 1 unknown, 2.. the entries. Promise: the order and the batches of the
training rows do not change the vocabulary.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.encoders.base import FIRST, PADDING, UNKNOWN

_STAND_INS = ["", "\N{REPLACEMENT CHARACTER}"]
"""The text that padding and unknown decode to."""


@dataclass(frozen=True)
class Vocabulary:
    """Entries in the order of their indices, the first with index 2."""

    entries: list[str]

    @property
    def size(self) -> int:
        return len(self.entries) + FIRST

    @cached_property
    def _arrow(self) -> pa.StringArray:
        return pa.array(self.entries, pa.string())

    def indices(self, entries: pa.StringArray) -> np.ndarray[Any, Any]:
        """Entries (null: unknown) -> int32."""
        found = pc.index_in(entries, value_set=self._arrow)
        return pc.fill_null(pc.add(found, pa.scalar(FIRST, pa.int32())), UNKNOWN).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]

    def entries_of(self, indices: pa.Array) -> pa.StringArray:
        """Indices -> entries; unknown becomes U+FFFD."""
        return pa.concat_arrays([pa.array(_STAND_INS, pa.string()), self._arrow]).take(indices)


class EntryCounter:
    """Counts entries batch by batch; memory grows with the number of different entries only."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, entries: pa.StringArray) -> None:
        counted = pc.value_counts(entries.drop_null())
        self._counts.update(
            dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
        )

    def vocabulary(self, size: int, min_count: int) -> Vocabulary:
        """The most frequent entries; `size` includes padding and unknown."""
        return Vocabulary(most_frequent(self._counts, size, min_count))


def most_frequent(counts: Counter[str], size: int, min_count: int) -> list[str]:
    """Entries by descending count, then by code points."""
    frequent = [(-count, entry) for entry, count in counts.items() if count >= min_count and entry]
    return [entry for _, entry in sorted(frequent)[: size - FIRST]]


assert (PADDING, UNKNOWN) == (0, 1), "the stand-ins above are in this order"
