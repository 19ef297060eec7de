"""The next items of an iterator, made by another thread while the caller works on this one.

In: an iterator, such as a reader of Parquet. Out: its items, in order. Promise: at most `depth` items wait, so memory
is bounded; an error comes to the caller in the place of its item; whoever stops early leaves no thread behind, and the
iterator closed. It pays where both sides leave the interpreter for long: Arrow, NumPy and hashing do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2
"""One item ready, one in the making: a slow item then stops nobody."""


class _End:
    """After the last item: StopIteration itself cannot cross a future."""


_END = _End()


def ahead(items: Iterator[Item], depth: int = DEPTH) -> Iterator[Item]:
    """The same items; each is asked for as soon as one before it is taken."""
    worker = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waiting: deque[Future[Item | _End]] = deque()
    try:
        waiting.extend(worker.submit(next, items, _END) for _ in range(depth))
        while not isinstance(item := waiting.popleft().result(), _End):
            waiting.append(worker.submit(next, items, _END))
            yield item
    finally:
        worker.shutdown(cancel_futures=True)  # waits for the item in the making
        if isinstance(items, Generator):
            items.close()
