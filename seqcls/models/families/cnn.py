"""Convolutions over a sequence: Kim 2014 for text, Fawaz et al. 2019 for series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from seqcls.config.base import Positive
from seqcls.models.families.base import Body, Filters, NetworkFamily

if TYPE_CHECKING:
    from torch import Tensor


class CnnModel(NetworkFamily):
    pooling: Literal["last", "mean", "max", "attention", "flatten"] = "max"  # type: ignore[assignment]
    """How positions become one vector; padding never counts. `flatten` keeps every position."""
    family: Literal["cnn"] = "cnn"
    filters: Filters = [32, 64]
    """Filters of each convolution, first to last; the length of the list is the depth."""
    kernel: Positive = 5
    """Positions that each filter covers."""
    pool: Positive = 2
    """Max pooling over this many positions after each convolution; 1: none."""
    padding: Literal["same", "valid"] = "same"
    """same: a convolution keeps the length; valid: whole windows only, kernel - 1 positions fewer."""
    normalise: Literal["none", "batch"] = "none"
    """Batch normalisation after each convolution; padding does not count."""

    example = {"filters": [8, 12], "kernel": 3, "normalise": "batch", "dense": 10}

    def make_body(self, width: int, positions: int) -> Body:
        from seqcls.models.convolution import Convolutions

        batch_norm = self.normalise == "batch"
        body = Convolutions(width, self.filters, self.kernel, self.pool, self.padding, batch_norm, self.dropout)
        return Body(body, body.width, body.length_after(positions))

    def convert_format_1(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Flattened positions were ordered by filter: (D, filters * T) -> (D, T * filters)."""
        if self.pooling != "flatten":
            return tensors
        name, filters = "dense.weight" if self.dense else "classes.weight", self.filters[-1]
        turned = {
            key: weight.view(len(weight), filters, -1).transpose(1, 2).flatten(1)
            for key, weight in tensors.items()
            if key.endswith(name) and weight.ndim == 2 and weight.shape[1] % filters == 0
        }
        return tensors | turned
