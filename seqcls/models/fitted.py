"""Families that are fitted in one go instead of trained in epochs: what they are given and what they give back.

In: `FitRows`, the encoded training rows with their weights. Out: the network's own tensors, filled, and a `FitRecord`.
Promise: the shapes of the state dict follow from config, input spec and classes alone, so that a model is loaded
before it is known what it was fitted to; what the rows decide (biases, scales, weights) is in the state dict. The
same rows, seed, torch and thread count give the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seqcls.arrays import Floats, Integers
from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.listener import SILENT, Listener


@dataclass(frozen=True)
class FitRows:
    """What a fit may look at."""

    train: EncodedSplit
    valid: EncodedSplit
    """Rows to choose settings by; may be empty where the family holds out training rows of its own."""
    inputs: InputSpec
    weights: Floats
    """(N,) how much each training row counts, mean 1; all 1 unless train.balance = "weights"."""
    seed: int
    pretrained: Path | None = None
    """Folder with the weights of a pretrained encoder, where the rows are pieces of its tokenizer."""
    listener: Listener = SILENT
    """Hears now and then how far the fit has come, in the family's own unit."""


@dataclass(frozen=True)
class FitRecord:
    """What a fit says of the training rows."""

    rows: Integers
    """(R,) the training rows that the logits are of, positions in the split; all of them while they are few."""
    logits: npt.NDArray[np.float32]
    """(R, K) of the network as it was fitted."""
    held_out: npt.NDArray[np.float32] | None = None
    """(R, K) of each row by a fit without that row: leave one out, or cross-validation."""


class FittedNetwork(nn.Module):
    """Batch -> logits (B, K), after `fit`. A subclass allocates all tensors in __init__ and fills them in `fit`."""

    holds_out: ClassVar[bool] = False
    """Whether `fit` gives `held_out`: then it needs no validation rows."""

    def fit(self, given: FitRows) -> FitRecord:
        """Compute every tensor of the network from the training rows."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        raise NotImplementedError

    def scale_logits(self, temperature: float) -> None:
        """Divide all logits by a number: called with the one that suits `held_out`, if that is given."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where the tensors are: batches go there."""
        tensor: Tensor = next(iter(self.state_dict().values()))
        return tensor.device


def choose_rows(labels: Integers, most: int, random: np.random.Generator) -> Integers:
    """All rows; of more than `most`, the same share of every class and one at least, so that no class is lost."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.lexsort((random.random(len(labels)), labels))
    found, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    wanted = np.maximum(sizes * most // len(labels), 1)
    chosen = [order[start : start + size] for start, size in zip(starts, wanted, strict=True)]
    assert len(chosen) == len(found)
    return np.sort(np.concatenate(chosen))
