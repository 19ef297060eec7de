"""Random convolutions of series and a ridge classifier on what they measure, fitted in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from seqcls.config.base import MOST, Positive
from seqcls.encoders.spec import InputSpec
from seqcls.models.families.base import FittedFamily

if TYPE_CHECKING:
    from torch import nn

PAPER_THRESHOLDS = {"minirocket": 119, "multirocket": 74}


class RocketModel(FittedFamily):
    """Random convolutions and a ridge classifier: MiniRocket, MultiRocket, Hydra (Dempster, Tan, 2021 to 2023)."""

    family: Literal["rocket"] = "rocket"
    features: Literal["minirocket", "multirocket", "hydra", "multirocket+hydra"] = "minirocket"
    """Features per series: minirocket 9,996 shares of positive values; multirocket 49,728 numbers of four kinds; hydra
    counts of winning kernels."""
    thresholds: Positive | None = None
    """minirocket, multirocket: thresholds of each of the 84 kernels. Left out: those of the papers, 119 and 2 * 74."""
    groups: Annotated[int, Field(ge=2, le=MOST)] = 64
    """hydra: groups of competing kernels; half of them see first differences."""
    kernels: Annotated[int, Field(ge=2, le=MOST)] = 8
    """hydra: kernels per group."""
    most_rows: Positive = 10_000
    """Maximum number of training rows used; of more, a sample is drawn with the seed."""

    suits = frozenset({"values"})
    example = {"features": "multirocket+hydra", "thresholds": 2, "groups": 8}

    def make_network(self, inputs: InputSpec, classes: int) -> nn.Module:
        from seqcls.models.rocket.network import Measured, RocketNetwork

        four_kinds = "multi" in self.features
        papers = PAPER_THRESHOLDS["multirocket" if four_kinds else "minirocket"]
        thresholds = (self.thresholds or papers) if "rocket" in self.features else 0
        hydra = (self.groups, self.kernels) if "hydra" in self.features else None
        return RocketNetwork(Measured(thresholds, four_kinds, hydra, self.most_rows), inputs, classes)
