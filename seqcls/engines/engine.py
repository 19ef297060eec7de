"""What an engine is, and how a whole split goes through one.

In: `EncodedSplit`. Out: logits (N, K) float32, in the order of the split. Promise: each row once; inside, rows are
taken by length, so that little of a batch is padding.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from seqcls.batches import Batch, Batches, EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused

Logits = npt.NDArray[np.float32]


class Engine(Protocol):
    """One network, ready to compute."""

    @property
    def name(self) -> str:
        """As `score.engine` and the scores have it."""

    def run(self, batch: Batch) -> Logits:
        """(B, K); the batch is not changed."""


class EngineUnavailable(ConfigRefused):
    """This engine cannot compute this network here; `found` says why."""


def unavailable(name: str, why: str, next_step: str = 'set score.engine = "auto" or "torch"') -> EngineUnavailable:
    """The error, with the engine's name."""
    return EngineUnavailable(
        f"{name}: {why}", where="score.engine", expected="an engine that can compute this network on this machine",
        next_step=next_step,
    )  # fmt: skip


def predict(engine: Engine, split: EncodedSplit, inputs: InputSpec, classes: int, batch_size: int) -> Logits:
    """(N, K) of every row of a split."""
    logits = np.zeros((len(split), classes), np.float32)
    for batch in Batches(split, inputs, batch_size, seed=0, shuffle=False).iterate(0):
        logits[batch.rows.numpy()] = engine.run(batch)
    return logits
