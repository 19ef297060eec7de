"""The training loop: one pass over batches, to learn from them or only to measure.

Loss and figures of an epoch are means over rows, however the rows fall into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.training.monitor import LossSums
from seqcls.training.optimisation import Objective, Optimiser

AfterStep = Callable[[Batch, Tensor], None]
"""Called with a batch and its logits (B, K)."""


def run_epoch(
    network: nn.Module,
    batches: Iterable[tuple[Batch, int]],
    objective: Objective,
    optimiser: Optimiser | None,
    sums: LossSums,
    after_step: AfterStep,
) -> None:
    """One pass; with an optimiser the network learns, without one it is only measured.

    `batches` come with the rows that the loss of a step is divided by: those of the batch, or of the whole batch where
    several processes share it. Raises `DataRefused` where a loss is not finite.
    """
    network.train(optimiser is not None)
    with torch.set_grad_enabled(optimiser is not None):
        for batch, rows in batches:
            logits = network(batch)  # (B, K)
            loss = objective(logits, batch.labels)  # summed over the batch
            if optimiser is not None:
                optimiser.zero_grad()
                (loss / rows).backward()  # type: ignore[no-untyped-call]
                optimiser.clip()
                optimiser.step()
            sums.add(loss, rows)
            after_step(batch, logits)
    sums.settle()
