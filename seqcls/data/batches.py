"""The batches of a split, epoch by epoch.

In: `EncodedSplit`. Out: `Batch`es. Promise: each row exactly once per epoch (or drawn with replacement if weights are
given); the order depends only on seed and epoch, so starting at a later step gives exactly the rest.
Bucketing (shuffle, sort pools of some batches by length, shuffle the batches) is that of Khomenko et al. 2016,
"Accelerating recurrent neural network training using sequence bucketing": little padding, still a random order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seqcls.arrays import Floats, Integers
from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import CheckBroken

BATCHES_IN_POOL = 50


@dataclass(frozen=True)
class Batches:
    """The batches of a split: shuffled and bucketed for training, or sorted by length (fastest, fixed)."""

    split: EncodedSplit
    spec: InputSpec
    size: int
    seed: int
    shuffle: bool
    weights: Floats | None = None
    """(N,) weight of each row, any scale; if given, rows are drawn with replacement."""

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return -(-len(self.split) // self.size)

    def iterate(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """Batches of one epoch, from `start_step` on."""
        rows = self.order(epoch)
        if len(rows) != len(self.split):
            raise CheckBroken(f"{len(rows)} rows in the order of epoch {epoch}", expected=f"{len(self.split)}")
        starts = np.arange(self.steps) * self.size
        if self.shuffle:
            starts = np.random.default_rng([self.seed, epoch, 1]).permutation(starts)
        for start in starts[start_step:]:
            yield self.split.collate(rows[start : start + self.size], self.spec)

    def order(self, epoch: int) -> Integers:
        """Rows of one epoch; each run of `size` of them is a batch."""
        lengths = self.split.lengths
        if not self.shuffle:
            return np.argsort(-lengths, kind="stable")  # the longest first, so that too little memory shows at once
        random = np.random.default_rng([self.seed, epoch])
        if self.weights is None:
            rows = random.permutation(len(lengths))
        else:
            rows = random.choice(len(lengths), len(lengths), p=self.weights / self.weights.sum())
        pool = np.arange(len(rows)) // (self.size * BATCHES_IN_POOL)
        return rows[np.lexsort((lengths[rows], pool))]
