"""Work for another thread: the next items of an iterator before they are asked for, jobs after they are handed over.

In: an iterator, such as a reader of Parquet, or jobs, such as writing a row group. Out: the items, in order; nothing.
Promise: at most a few items wait and one job, so memory is bounded; an error comes to the caller, in the place of its
item or with the next job; whoever stops early leaves no thread at work. It pays where both sides leave the interpreter
for long: Arrow, NumPy and hashing do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2
"""One item ready, one in the making: a slow item then stops nobody."""


class _End:
    """After the last item: StopIteration itself cannot cross a future."""


_END = _End()


def prefetch(items: Iterator[Item], depth: int = DEPTH) -> Generator[Item, None, None]:
    """The same items; each is asked for as soon as one before it is taken."""
    worker = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
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


class WriteBehind:
    """`with WriteBehind() as writes:` jobs run in the order given while the caller goes on, at most one at a time."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._doing: Future[None] | None = None

    def hand_over(self, job: Callable[[], None]) -> None:
        """Once the job before is done; its error is raised here."""
        self.wait()
        self._doing = self._worker.submit(job)

    def wait(self) -> None:
        """Until the job before is done; its error is raised here, once."""
        if (done := self._finished()) is not None:
            done.result()

    def settle(self, error: BaseException | None) -> None:
        """Wait whatever happens; what a job raises comes before a later error, not before KeyboardInterrupt."""
        if error is None or isinstance(error, Exception):
            self.wait()
        else:
            self._finished()

    def in_turn(self, job: Callable[[], None]) -> None:
        """At once, but after the job that is being done: even if an interrupt ended the caller's wait for that."""
        if self._doing is not None:
            self._worker.submit(job).result()
        else:
            job()

    def _finished(self) -> Future[None] | None:
        """The job before, once it is done; an interrupt of the wait leaves it where it is."""
        doing = self._doing
        if doing is not None:
            wait_for([doing])
            self._doing = None
        return doing

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.settle(error)
        finally:
            self._worker.shutdown()
