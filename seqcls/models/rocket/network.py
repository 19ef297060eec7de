"""The rocket family: random convolutions of series, and a ridge classifier on what they measure.

In: encoded series, of one or many channels, unequal length and with gaps. Out: `RocketNetwork`, fitted in one go.
Features: MiniRocket (Dempster, Schmidt and Webb 2021), MultiRocket (Tan et al. 2022), Hydra (Dempster, Schmidt and
Webb 2023), and MultiRocket beside Hydra. Promise: logits depend neither on padding nor on neighbours; kernels and
thresholds depend on the training rows and the seed alone. Gaps are filled by straight lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from seqcls.arrays import Integers
from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.listener import Progress
from seqcls.models.fitted import FitRecord, FitRows, FittedNetwork, choose_rows
from seqcls.models.rocket.head import fit_ridge
from seqcls.models.rocket.hydra import Hydra
from seqcls.models.rocket.input import Series, read_series
from seqcls.models.rocket.kernels import KERNELS, Kernels
from seqcls.models.rocket.pooling import POOLED, pool_four, share_positive
from seqcls.models.rocket.scaling import Scaling

VALUES_AT_ONCE = 1 << 20
"""Convolution outputs of one dilation that are worked on together: more leave the caches, fewer cost more calls."""


@dataclass(frozen=True)
class Measured:
    """What is measured of a series, and of how many; `RocketModel` documents the settings behind it."""

    thresholds: int
    """Of each kernel of MiniRocket or MultiRocket; 0 for neither."""
    four_kinds: bool
    """MultiRocket: four numbers for each threshold, of the series and of its differences."""
    hydra: tuple[int, int] | None
    """Groups, and kernels in each."""
    most_rows: int


class RocketNetwork(FittedNetwork):
    """Features, scaling, one linear layer."""

    holds_out = True

    def __init__(self, measured: Measured, inputs: InputSpec, classes: int) -> None:
        super().__init__()
        self.channels, self.most_rows = inputs.channels, measured.most_rows
        length, thresholds, hydra = inputs.max_length, measured.thresholds, measured.hydra
        self.kernels = Kernels(inputs.channels, length, thresholds) if thresholds else None
        steps = thresholds and measured.four_kinds
        self.steps = Kernels(inputs.channels, max(length - 1, 1), thresholds) if steps else None
        self.hydra = Hydra(inputs.channels, length, *hydra) if hydra else None
        dense = KERNELS * thresholds * (2 * POOLED if steps else 1)
        self.scaling = Scaling(dense, self.hydra.features if self.hydra else 0)
        self.classes = nn.Linear(self.scaling.features, classes)
        nn.init.zeros_(self.classes.weight)
        nn.init.zeros_(self.classes.bias)

    def forward(self, batch: Batch) -> Tensor:
        series = read_series(batch)
        size = rows_at_once(series.x.shape[1], series.x.device)
        features = torch.cat([self.scaling(self.measure(piece)) for piece in series.pieces(size)])
        logits: Tensor = self.classes(features)
        return logits

    def scale_logits(self, temperature: float) -> None:
        self.classes.weight.div_(temperature)
        self.classes.bias.div_(temperature)

    def measure(self, series: Series) -> Tensor:
        """Features (B, F): those of the kernels first, then Hydra's."""
        parts = []
        if self.kernels is not None and self.steps is not None:
            parts += [pool_four(series, self.kernels), pool_four(series.differences(), self.steps)]
        elif self.kernels is not None:
            parts.append(share_positive(series, self.kernels))
        if self.hydra is not None:
            parts.append(self.hydra(series))
        return torch.cat(parts, dim=1)

    def fit(self, given: FitRows) -> FitRecord:
        random = np.random.default_rng(given.seed)
        rows = choose_rows(given.train.labels, self.most_rows, random)
        self._draw(given.train, given.inputs, rows, random)
        features = torch.empty(len(rows), self.scaling.features, device=self.device)
        for done, places in self._chunks(given.train.lengths[rows]):
            batch = given.train.collate(rows[places], given.inputs).to(self.device)
            features[torch.from_numpy(places).to(self.device)] = self.measure(read_series(batch))
            given.listener.progress(Progress("fit", done, len(rows) * 2))  # the other half is the classifier
        self.scaling.fit(features)
        features = self.scaling(features)
        labels = torch.from_numpy(given.train.labels[rows]).to(self.device)
        counts = torch.from_numpy(given.weights[rows]).to(self.device)
        ridge = fit_ridge(features, labels, self.classes.out_features, counts)
        self.classes.weight.copy_(ridge.weights)
        self.classes.bias.copy_(ridge.intercept)
        given.listener.progress(Progress("fit", 2, 2))
        logits = self.classes(features).cpu().numpy()
        return FitRecord(rows, logits, ridge.held_out.float().cpu().numpy())

    def _draw(self, train: EncodedSplit, inputs: InputSpec, rows: Integers, random: np.random.Generator) -> None:
        """Everything random: channels, kernels, and the rows that give the thresholds."""
        for kernels in (self.kernels, self.steps):
            if kernels is None:
                continue
            kernels.draw_channels(self.channels, random)
            sample = []
            for _ in kernels.plan:
                batch = train.collate(random.choice(rows, KERNELS), inputs).to(self.device)
                series = read_series(batch)
                sample.append(series if kernels is self.kernels else series.differences())
            kernels.draw_thresholds(sample)
        if self.hydra is not None:
            self.hydra.draw(self.channels, random)

    def _chunks(self, lengths: Integers) -> Iterator[tuple[int, Integers]]:
        """Places of rows that are measured together, of about one length each; how many are then done."""
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            size = rows_at_once(int(lengths[order[start]]), self.device)
            yield min(start + size, len(order)), order[start : start + size]
            start += size


def rows_at_once(length: int, device: torch.device) -> int:
    """A multiple of eight rows; on a GPU many more, since there each call costs the same."""
    values = VALUES_AT_ONCE if device.type == "cpu" else VALUES_AT_ONCE * 128
    return max(values // (KERNELS * max(length, 1)) // 8, 1) * 8
