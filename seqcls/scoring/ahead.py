"""The next chunk of an input is read and encoded while the network computes the one before it.

In: numbered rows, as `cut_chunks` gives them. Out: the same chunks in the same order, each with its encoding where that
was made ahead. Promise: nothing is written and nothing claimed ahead; one chunk is ahead and never two, so that memory
does not grow with the input; what goes wrong with a chunk is raised at its turn, and not at all if it is never scored;
the one thread has ended when the `with` block has, however it is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from seqcls.memory import enough_memory
from seqcls.scorer import Scorer

if TYPE_CHECKING:
    from seqcls.encoders.base import Encoded

Numbered = tuple[int, pa.Table]
SMALLER = "lower score.batch_size or score.chunk_rows"


@dataclass(frozen=True)
class Chunk:
    """Rows of one chunk, and what was made of them ahead: by which scorer, and the answer."""

    number: int
    rows: pa.Table
    scorer: Scorer | None
    encoding: Future[Encoded | None] | None

    def encoded_by(self, scorer: Scorer) -> Encoded:
        """The rows as a scorer's network takes them; encoded here and now where another one was expected."""
        if self.encoding is not None and self.scorer is scorer:
            found = self.encoding.result()
            assert found is not None, "a chunk that was read has rows to encode"
            return found
        return scorer.encode(self.rows)


class ChunksAhead:
    """`with` it, iterate over it, and in each turn say once which scorer the next chunk will meet: `encode_next`."""

    def __init__(self, chunks: Iterator[Numbered]) -> None:
        self._chunks = chunks
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="seqcls-next-chunk")
        self._reading: Future[Numbered | None] | None = None
        self._encoding: Future[Encoded | None] | None = None
        self._scorer: Scorer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        with enough_memory("scoring", SMALLER):
            reading = self._reading or self._pool.submit(next, self._chunks, None)
            found = reading.result()
            if found is None:
                raise StopIteration
            chunk = Chunk(*found, self._scorer, self._encoding)
            self._reading = self._pool.submit(next, self._chunks, None)
        self._scorer = self._encoding = None
        return chunk

    def encode_next(self, scorer: Scorer) -> None:
        """Encode the chunk after this one, once it is read: it is expected to meet the same scorer."""
        assert self._reading is not None, "a chunk has been taken"
        self._scorer, self._encoding = scorer, self._pool.submit(_encode, self._reading, scorer)


def _encode(reading: Future[Numbered | None], scorer: Scorer) -> Encoded | None:
    """Runs behind the reading in the same thread, so nothing is waited for."""
    found = reading.result()
    return None if found is None else scorer.encode(found[1])
