"""The interface of an engine, and the error of one that cannot be used.

In: `Batch`. Out: logits (B, K) float32; a whole split goes through `run_batches(engine.run, ...)` of models/logits.py.
"""

from __future__ import annotations

from typing import Protocol

from seqcls.data.batch import Batch
from seqcls.errors import ConfigRefused
from seqcls.models.logits import Logits


class Engine(Protocol):
    """One network, ready to compute."""

    @property
    def name(self) -> str:
        """As in `score.engine` and in the scores."""

    @property
    def leaves_room(self) -> bool:
        """Whether a processor is free for another thread while this engine computes."""

    def run(self, batch: Batch) -> Logits:
        """Logits (B, K); the batch is not changed."""


class EngineUnavailable(ConfigRefused):
    """This engine cannot compute this network here; `found` says why."""


def unavailable(name: str, why: str, next_step: str = 'set score.engine = "auto" or "torch"') -> EngineUnavailable:
    """The error, with the engine's name."""
    return EngineUnavailable(
        f"{name}: {why}", where="score.engine", expected="an engine that can compute this network on this machine",
        next_step=next_step,
    )  # fmt: skip
