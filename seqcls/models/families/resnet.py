"""ResNet for series (Wang et al. 2017): blocks of convolutions with a shortcut past each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, Filters, NetworkFamily, Pooling


class ResnetModel(NetworkFamily):
    """ResNet for series (Wang et al. 2017)."""

    family: Literal["resnet"] = "resnet"
    filters: Filters = [64, 128, 128]
    """Filters of each block, first to last; the length of the list is the depth."""
    kernels: Annotated[list[Positive], Field(min_length=1, max_length=6)] = [8, 5, 3]
    """Positions that each convolution within a block covers, first to last."""
    pooling: Pooling = "mean"
    """How positions become one vector; padding never counts."""

    example = {"filters": [6, 6, 8], "kernels": [4, 3]}

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.residual import ResidualBody

        body = ResidualBody(width, self.filters, self.kernels)
        return Body(body, body.width, positions)
