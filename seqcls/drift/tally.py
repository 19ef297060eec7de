"""The rows of one file beside the training rows: which lie far outside, and whether the file as a whole is unlike them.

In: sequences, chunk after chunk. Out: a mask for the flag `unlike_training`, and at the end a sentence or none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.drift.reference import Reference

FLAG = "unlike_training"
FEWEST = 10
"""Rows of a file below which only the rows are judged."""
HALF = 0.5


class Tally:
    """Counts over the chunks of a file."""

    def __init__(self, reference: Reference) -> None:
        self.reference, self.rows, self.far = reference, 0, 0
        numbers = len(reference.names)
        self._beyond = np.zeros((2, numbers), np.int64)  # below, above the usual range
        self._far = np.zeros(numbers, np.int64)
        self._sum, self._count = np.zeros(numbers), np.zeros(numbers, np.int64)

    def add(self, sequences: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """(N,) whether each row lies far outside in some number."""
        reference, features = self.reference, self.reference.features(sequences)
        sides = reference.outside(features, reference.usual)
        self._beyond += [(sides < 0).sum(axis=0), (sides > 0).sum(axis=0)]
        known = np.isfinite(features)
        self._sum += np.where(known, features, 0.0).sum(axis=0)
        self._count += known.sum(axis=0)
        each_far = reference.outside(features, reference.far) != 0
        self._far += each_far.sum(axis=0)
        far: npt.NDArray[np.bool_] = np.logical_or.reduce(each_far, axis=1)
        self.rows, self.far = self.rows + len(far), self.far + int(far.sum())
        return far

    @property
    def sentence(self) -> str:
        """What a person should look at, if more than half of the rows are unlike those of the training."""
        share = self._beyond / max(self.rows, 1)
        worst = int((self._beyond.max(axis=0) + self._far).argmax())  # of equals, the one that is far outside
        if self.far <= HALF * self.rows and (self.rows < FEWEST or share.max() <= HALF):
            return ""
        return f"{self.far} of {self.rows} rows are flagged {FLAG}: {self._compare(worst)}"

    def _compare(self, number: int) -> str:
        name, (low, high) = self.reference.names[number], self.reference.usual[number]
        here = self._sum[number] / max(self._count[number], 1)
        if name.split()[0] in ("length", "scale", "roughness"):
            more = 1.0 if name == "length" else 0.0  # features.py: the logarithm of 1 + length
            here, low, high = 10.0**here - more, 10.0**low - more, 10.0**high - more
        return f"{name} is {here:.3g} on average, {low:.3g} to {high:.3g} in the training rows"
