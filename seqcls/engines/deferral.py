"""Deferral: near ties, which an engine in lower precision may decide otherwise, are computed again by the reference.

In: an engine, maybe a `Deferral`, a split. Out: logits (N, K) of every row. Promise: as long as the engine moves no
probability by more than half of `margin`, every row has the label that the reference gives it, since the two best
classes of a row change places only where their probabilities move by as much as they are apart. A cascade of two that
defers by the margin of the first: Jitkrittum et al. 2023, "When does confidence-based cascade deferral suffice?".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcls.arrays import Integers
from seqcls.data.encoded_split import EncodedSplit
from seqcls.engines.engine import Engine
from seqcls.evaluation.probabilities import softmax
from seqcls.models.logits import Logits, run_batches
from seqcls.models.package import LoadedModel


@dataclass(frozen=True)
class Deferral:
    """Which rows are whose."""

    reference: Engine
    margin: float
    """Between the two best probabilities; rows with no more than that are the reference's."""


def run_engine(
    engine: Engine, loaded: LoadedModel, split: EncodedSplit, batch_size: int, deferral: Deferral | None = None
) -> Logits:
    """(N, K); the near ties of the whole split share batches, a few rows of each batch would take as long as many."""
    classes = len(loaded.labels)
    logits = run_batches(engine.run, split, loaded.inputs, classes, batch_size)
    if deferral is None:
        return logits
    ties = near_ties(logits, loaded.manifest.temperature, deferral.margin)
    if len(ties):
        logits[ties] = run_batches(deferral.reference.run, split.take(ties), loaded.inputs, classes, batch_size)
    return logits


def near_ties(logits: Logits, temperature: float, margin: float) -> Integers:
    """Rows whose two best probabilities are no more than `margin` apart; a row without numbers is none of them."""
    best = np.partition(softmax(logits, temperature), -2)[:, -2:]
    return np.flatnonzero(best[:, 1] - best[:, 0] <= margin)
