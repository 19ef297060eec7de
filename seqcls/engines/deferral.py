"""Deferral: the reference recomputes near ties, where an engine in lower precision may choose another class.

In: an engine, an optional `Deferral`, a split. Out: logits (N, K) of every row. Promise: if the engine changes no
probability by more than half of `margin`, every row gets the label of the reference: the predicted class changes only
if the top two probabilities shift by at least the gap between them. A two-model cascade that defers by the margin of
the first: Jitkrittum et al. 2023, "When does confidence-based cascade deferral suffice?".
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
    """Which rows the reference recomputes."""

    reference: Engine
    margin: float
    """Gap between the top two probabilities up to which the reference recomputes a row."""


def run_engine(
    engine: Engine, loaded: LoadedModel, split: EncodedSplit, batch_size: int, deferral: Deferral | None = None
) -> Logits:
    """(N, K); near ties of the whole split share batches, because a batch of a few rows takes as long as a full one."""
    classes = len(loaded.labels)
    logits = run_batches(engine.run, split, loaded.inputs, classes, batch_size)
    if deferral is None:
        return logits
    ties = near_ties(logits, loaded.manifest.temperature, deferral.margin)
    if len(ties):
        logits[ties] = run_batches(deferral.reference.run, split.take(ties), loaded.inputs, classes, batch_size)
    return logits


def near_ties(logits: Logits, temperature: float, margin: float) -> Integers:
    """Rows whose top two probabilities differ by at most `margin`; rows that are not finite are excluded."""
    best = np.partition(softmax(logits, temperature), -2)[:, -2:]
    return np.flatnonzero(best[:, 1] - best[:, 0] <= margin)
