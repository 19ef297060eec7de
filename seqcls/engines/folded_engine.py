"""PyTorch in float32 with the embedding folded into the recurrence, and threads that share rows instead of products.

In: `LoadedModel` of a network whose recurrence reads tokens. Out: an engine. Promise: PyTorch's results up to rounding.
A recurrence step is a few small operations; torch's threads share each of them and synchronise after each, which takes
about as long as the work. Here each thread processes its own rows of a batch through all steps.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

import numpy as np
import torch
from torch import nn

from seqcls.data.batch import Batch
from seqcls.engines.engine import unavailable
from seqcls.engines.folding import fold, foldable, table_bytes
from seqcls.errors import first_line
from seqcls.models.logits import Logits, device_of, run_once
from seqcls.models.package import LoadedModel
from seqcls.processors.allowed import processors

NAME = "torch-folded"
MOST_BYTES = 1 << 28
"""Largest size of the tables: larger ones do not fit in any processor cache and gain nothing."""
PROCESSOR = torch.device("cpu")


@dataclass(frozen=True)
class FoldedEngine:
    """A folded network, with one thread for each part of a batch."""

    network: nn.Module
    threads: int
    lanes: ThreadPoolExecutor
    name: str = NAME

    @property
    def leaves_room(self) -> bool:
        """False: its threads share the processors with other Python threads."""
        return self.threads < processors()

    def run(self, batch: Batch) -> Logits:
        shared = max(min(self.threads, len(batch)), 1)
        parts = list(self.lanes.map(self._run_part, (batch.part(number, shared) for number in range(shared))))
        logits = np.empty((len(batch), parts[0].shape[1]), np.float32)
        for number, part in enumerate(parts):
            logits[number::shared] = part
        return logits

    def _run_part(self, part: Batch) -> Logits:
        return run_once(self.network, part, PROCESSOR)


def open_folded(loaded: LoadedModel) -> FoldedEngine:
    """Raises for networks without a recurrence over tokens, on a GPU, and for very large vocabularies."""
    if not foldable(loaded.model):
        raise unavailable(NAME, f"{loaded.config.family} has no recurrence that reads tokens")
    if device_of(loaded.model).type != "cpu":
        raise unavailable(NAME, "the network is on a GPU, where steps are what takes time, not products")
    if (size := table_bytes(loaded.model)) > MOST_BYTES:
        raise unavailable(NAME, f"its tables would take {size >> 20} MiB, {MOST_BYTES >> 20} MiB is the most")
    threads = torch.get_num_threads()
    return FoldedEngine(fold(loaded.model), threads, _lanes(threads))


def _lanes(threads: int) -> ThreadPoolExecutor:
    """Threads that run their operations single-threaded; other threads keep their settings."""
    started = Barrier(threads)

    def begin() -> None:
        torch.set_num_threads(1)  # of this thread; those that have not asked yet take it over too
        torch.get_num_threads()  # asks: otherwise the first operation would, and find what is set below
        started.wait()

    lanes = ThreadPoolExecutor(threads, thread_name_prefix=NAME, initializer=begin)
    try:
        list(lanes.map(lambda _: None, range(threads)))
    except RuntimeError as error:
        started.abort()  # the threads that have started would wait for ever, and the process for them
        raise unavailable(NAME, f"{threads} threads cannot be started ({first_line(error, 100)})") from error
    finally:
        torch.set_num_threads(threads)
    return lanes
