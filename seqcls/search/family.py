"""`family = "auto"`: a search over presets; what it chooses is a model of one of the other families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from seqcls.config.model import Family
from seqcls.config.train import TrainConfig


class AutoModel(Family):
    """A search over presets (seqcls/search/presets.py); what it chooses is a model of one of the other families."""

    trained = "search"

    family: Literal["auto"] = "auto"
    candidates: list[Annotated[str, Field(min_length=1)]] = []
    """Names of the presets to try (docs/how-to/auto.md lists them); none: all. The reference is always tried."""

    def train_faults(self, train: TrainConfig) -> Iterator[str]:
        if train.precision != "float32":
            yield 'train.precision is for one family; family = "auto" compares families in float32: remove it'
