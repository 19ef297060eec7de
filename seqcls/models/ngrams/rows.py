"""The rows of a split as sparse matrices, some thousand rows at a time.

In: an encoded split, the layer that finds n-grams. Out: which n-grams get weights, and the blocks of the design matrix.
Promise: the blocks are the numbers that scoring computes; with both strands a row is the mean of its two strands, as
the mean of their logits asks for. Memory is bounded: the count of n-grams drops the rarest when it grows past
`MOST_COUNTED` (lossy counting, Manku and Motwani 2002), and blocks are kept up to `MOST_BYTES`, beyond that made again
on each pass, so a million rows of any length pass through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix, vstack
from torch import Tensor

from seqcls.arrays import Integers
from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.models.layers import reversal
from seqcls.models.ngrams.bags import Bag, Known, count, look_up
from seqcls.models.ngrams.patterns import PatternLayer

POSITIONS_PER_BLOCK = 200_000
"""Padding included: a pattern's keys and what is computed on the way take some ten times as many numbers."""
MOST_COUNTED = 8_000_000
MOST_BYTES = 1_500_000_000
BYTES_PER_ENTRY = 8  # a column and a value
ENTRIES_PER_COLUMN = 8
"""Of a gathered block: with fewer, products spend their time on clearing and adding results as wide as the matrix."""
BYTES_PER_GRAM = 24  # row, key and count


class RowBlocks:
    """Rows of a split and the n-grams in them, block by block, the longest rows first."""

    def __init__(self, layer: PatternLayer, split: EncodedSplit, inputs: InputSpec, by_place: bool) -> None:
        self.layer, self.split, self.inputs, self.by_place = layer, split, inputs, by_place
        self.order = np.argsort(-split.lengths, kind="stable")
        self._kept: list[list[list[Bag]]] = []
        self._bytes = 0

    def blocks(self) -> Iterator[Integers]:
        """Positions of rows in the split."""
        start = 0
        while start < len(self.order):
            longest = max(int(self.split.lengths[self.order[start]]), 1)
            stop = start + max(POSITIONS_PER_BLOCK // longest, 1)
            yield self.order[start:stop]
            start = stop

    def take(self, number: int, rows: Integers) -> list[list[Bag]]:
        """The n-grams of a block by strand; what `frequent` kept of it is handed out once."""
        if number < len(self._kept) and self._kept[number]:
            strands, self._kept[number] = self._kept[number], []
            return strands
        return list(self.bags(rows))

    def _keep(self, number: int, strands: list[list[Bag]]) -> None:
        self._bytes += sum(len(bag.keys) for bags in strands for bag in bags) * BYTES_PER_GRAM
        if number == len(self._kept) and self._bytes <= MOST_BYTES:
            self._kept.append(strands)

    def bags(self, rows: Integers) -> Iterator[list[Bag]]:
        """The n-grams of some rows, one list of patterns a strand."""
        device = self.layer.plain.device
        batch = self.split.collate(rows, self.inputs).to(device)
        for one in (batch, *self.turned(batch)):
            yield [count(keys) for keys in self.layer(one, self.by_place)]

    def turned(self, batch: Batch) -> Iterator[Batch]:
        """The reverse complement, where both strands are read."""
        if self.inputs.complement is None:
            return
        assert batch.tokens is not None
        complement = torch.tensor(self.inputs.complement, device=batch.tokens.device)
        backwards = batch.tokens.gather(1, reversal(batch.lengths, batch.width))
        yield replace(batch, tokens=complement[backwards])

    def frequent(self, min_rows: int, most: int) -> npt.NDArray[np.int64]:
        """The keys that get weights, rising: in at least `min_rows` rows, the most frequent if there are too many."""
        counter = KeyCounter()
        for number, rows in enumerate(self.blocks()):
            strands = list(self.bags(rows))
            for bags in strands:
                counter.add(np.concatenate([bag.keys.cpu().numpy() for bag in bags]))
            self._keep(number, strands)
        return counter.frequent(min_rows, most)


class KeyCounter:
    """In how many rows each key is; what is pending is merged when there is as much of it as was merged before."""

    def __init__(self) -> None:
        self.keys, self.counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._pending: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []

    def add(self, keys: npt.NDArray[np.int64]) -> None:
        """Keys of some rows, each once a row."""
        self._pending.append(np.unique(keys, return_counts=True))
        if sum(len(known) for known, _ in self._pending) > max(len(self.keys), 1_000_000):
            self._merge()

    def frequent(self, min_rows: int, most: int) -> npt.NDArray[np.int64]:
        self._merge()
        kept = self.counts >= min_rows
        keys, counts = (self.keys[kept], self.counts[kept]) if kept.any() else (self.keys, self.counts)
        if len(keys) > most:
            keys = keys[np.lexsort((keys, -counts))[:most]]
        return np.sort(keys)

    def _merge(self) -> None:
        parts = [(self.keys, self.counts), *self._pending]
        self._pending = []
        self.keys, place = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
        weights = np.concatenate([counts for _, counts in parts])
        self.counts = np.bincount(place, weights, minlength=len(self.keys)).astype(np.int64)
        least = 1
        while len(self.keys) > MOST_COUNTED:
            kept = self.counts > least
            self.keys, self.counts, least = self.keys[kept], self.counts[kept], least + 1


class Design:
    """The design matrix of a split: (N, D) in blocks."""

    def __init__(self, rows: RowBlocks, table: Tensor) -> None:
        self.rows, self.table, self.width = rows, table, len(table)
        self._kept: list[tuple[Integers, csr_matrix]] = []
        self._bytes = 0
        self._is_whole = False

    def __len__(self) -> int:
        return len(self.rows.split)

    def blocks(self) -> Iterator[tuple[Integers, csr_matrix]]:
        """(positions of rows in the split, their part of the matrix); those that fit stay in memory."""
        yield from self._kept
        if self._is_whole:
            return
        known = len(self._kept)
        for number, rows in enumerate(self.rows.blocks()):
            if number < known:
                continue
            block = self._block(number, rows)
            size = block.nnz * BYTES_PER_ENTRY
            if number == len(self._kept) and self._bytes + size <= MOST_BYTES:
                self._kept.append((rows, block))
                self._bytes += size
            yield rows, block
        self._is_whole = sum(len(rows) for rows, _ in self._kept) == len(self)

    def gather(self) -> None:
        """Neighbouring blocks become one until its entries are worth a product whose result is as wide as the matrix.

        Nothing is gathered where not all blocks are in memory.
        """
        for _ in self.blocks():
            pass
        if not self._is_whole:
            return
        least, waiting, gathered = ENTRIES_PER_COLUMN * self.width, self._kept, []
        while waiting:
            some = [waiting.pop(0)]
            while waiting and sum(block.nnz for _, block in some) < least:
                some.append(waiting.pop(0))
            gathered.append((np.concatenate([rows for rows, _ in some]), vstack([block for _, block in some], "csr")))
        self._kept = gathered

    def _block(self, number: int, rows: Integers) -> csr_matrix:
        strands = [self._matrix(bags, len(rows)) for bags in self.rows.take(number, rows)]
        return strands[0] if len(strands) == 1 else (strands[0] + strands[1]) * np.float32(0.5)

    def _matrix(self, bags: list[Bag], rows: int) -> csr_matrix:
        found = [look_up(bag, self.table, rows) for bag in bags]
        values, row, column = (_joined(found, name) for name in ("values", "rows", "slots"))
        scale = np.float32(len(bags) ** -0.5)
        return csr_matrix((values * scale, (row, column.astype(np.int32))), shape=(rows, self.width))


def _joined(found: list[Known], name: str) -> npt.NDArray[np.float32]:
    joined: npt.NDArray[np.float32] = torch.cat([getattr(known, name) for known in found]).cpu().numpy()
    return joined
