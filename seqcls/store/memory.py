"""Too little memory, or too few threads: what Python, Arrow and torch raise for it becomes one message.

In: a block of work. Out: the same, or `NotEnough`. Promise: only errors that say so themselves are taken for a lack
of memory; the threads that Arrow will want are tried first, since Arrow ends the process where it cannot start one.
A process that the kernel ends for lack of memory (SIGKILL) says nothing: the next run goes on where it stood.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from seqcls.errors import NotEnough, WorldFailed, first_line

# torch raises RuntimeError for it (DefaultCPUAllocator, CUDA), libraries in C++ pass on std::bad_alloc, and Python has
# no room for the stack of a thread that reads ahead or writes behind.
_WORDS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "bad_alloc",
          "unable to allocate", "can't start new thread")  # fmt: skip


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, MemoryError):  # Arrow's and NumPy's own are kinds of it
        return True
    return isinstance(error, RuntimeError | OSError) and any(word in str(error).lower() for word in _WORDS)


_TRYING = threading.Lock()
"""Chunks are read ahead in a thread: two trials at once would ask for twice the stacks."""


@contextmanager
def enough_memory(doing: str, smaller: str) -> Iterator[None]:
    """`doing` says what the block does, `smaller` which setting makes it need less."""
    _try_threads(doing)
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_lack_of_memory(error):
            raise
        raise NotEnough(
            f"not enough memory ({first_line(error)})",
            where=doing,
            expected="room for one batch and the network",
            next_step=f"{smaller}, or give the run more memory; then run the same command again",
        ) from error


def _try_threads(doing: str) -> None:
    """Start as many threads as Arrow's two pools may start, all at once; their stacks are kept for the next ones."""
    with _TRYING:
        _start_threads(doing, pa.cpu_count() + pa.io_thread_count())


def _start_threads(doing: str, wanted: int) -> None:
    gate, started = threading.Event(), list[threading.Thread]()
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=gate.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as error:  # "can't start new thread"
        raise WorldFailed(
            f"only {len(started)} of {wanted} threads can be started",
            where=doing,
            expected="memory for their stacks, and a limit that allows them",
            next_step="give the run more memory or raise its limit on threads (ulimit -u, pids.max), then run the same "
            "command again",
        ) from error
    finally:
        gate.set()
        for thread in started:
            thread.join()
