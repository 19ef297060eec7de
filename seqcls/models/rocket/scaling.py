"""Features on one scale before the ridge: centred and divided by their deviation; Hydra's counts in their own way.

In: features of the training rows. Out: `Scaling`: (B, F) -> (B, F). Promise: constant features become zeros. Hydra's
counts are mostly zero: their square roots are scaled, zeros stay zeros, and rare ones are damped (the authors' code of
Dempster, Schmidt and Webb 2023, `SparseScaler`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EXPONENT = 4
SMALLEST = 1e-8


class Scaling(nn.Module):
    """The first `dense` features by mean and deviation, the other `sparse` ones as counts."""

    def __init__(self, dense: int, sparse: int) -> None:
        super().__init__()
        self.dense, self.features = dense, dense + sparse
        self.mean: Tensor
        self.inverse: Tensor
        self.register_buffer("mean", torch.zeros(self.features))
        self.register_buffer("inverse", torch.ones(self.features))

    def fit(self, features: Tensor) -> None:
        """Mean and 1 / deviation of (N, F)."""
        if self.dense:
            dense = features[:, : self.dense]
            deviation = dense.std(0, correction=0)
            still = deviation <= SMALLEST * dense.abs().amax(0).clamp(min=1.0)
            self.mean[: self.dense] = dense.mean(0)
            self.inverse[: self.dense] = torch.where(still, 0.0, 1 / deviation.masked_fill(still, 1.0))
        if self.dense < self.features:
            counts = features[:, self.dense :].clamp(min=0).sqrt()
            rare = (counts == 0).float().mean(0) ** EXPONENT + SMALLEST
            self.mean[self.dense :] = counts.mean(0)
            self.inverse[self.dense :] = 1 / (counts.std(0, correction=0) + rare)

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, F)."""
        dense = (features[:, : self.dense] - self.mean[: self.dense]) * self.inverse[: self.dense]
        if self.dense == self.features:
            return dense
        counts = features[:, self.dense :].clamp(min=0).sqrt()
        scaled = (counts - self.mean[self.dense :]) * self.inverse[self.dense :] * (counts != 0)
        return torch.cat([dense, scaled], dim=1)
