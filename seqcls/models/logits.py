"""How a whole split goes through anything that computes logits: a network in training, a loaded one, an engine.

In: `EncodedSplit`, and what turns a `Batch` into logits. Out: logits (N, K) float32, in the order of the split.
Promise: each row once; inside, rows are taken by length, so that little of a batch is padding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seqcls.data.batch import Batch
from seqcls.data.batches import Batches
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec

Logits = npt.NDArray[np.float32]


def run_batches(
    run: Callable[[Batch], Logits], split: EncodedSplit, inputs: InputSpec, classes: int, batch_size: int
) -> Logits:
    """(N, K) of every row of a split; `run` gives (B, K)."""
    logits = np.zeros((len(split), classes), np.float32)
    for batch in Batches(split, inputs, batch_size, seed=0, shuffle=False).iterate(0):
        logits[batch.rows.numpy()] = run(batch)
    return logits


def device_of(network: nn.Module) -> torch.device:
    """Where its weights are."""
    return next(itertools.chain(network.parameters(), network.buffers())).device


def run_once(network: nn.Module, batch: Batch, device: torch.device) -> Logits:
    """(B, K) of one batch, without gradients; the batch is not changed."""
    with torch.inference_mode():
        logits: Logits = network(batch.to(device)).float().cpu().numpy()
    return logits
