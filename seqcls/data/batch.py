"""Some rows of a split as tensors, padded to one length; padding is 0 and is always masked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqcls.shapes import Bool, Float, Int


@dataclass(frozen=True)
class Batch:
    """Some rows, padded to one length T; `observed` is given if the network must see which values are missing."""

    rows: Int[Tensor, " B"]
    """(B,) positions in the split."""
    tokens: Int[Tensor, "B T"] | None
    """(B, T) indices, 0 is padding."""
    values: Float[Tensor, "B T C"] | None
    """(B, T, C), missing and padding are 0."""
    observed: Bool[Tensor, "B T C"] | None
    """(B, T, C), False where a value is missing or padding."""
    lengths: Int[Tensor, " B"]
    """(B,) real positions of each row."""
    labels: Int[Tensor, " B"]
    """(B,) indices of classes, -1 where there is none."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        """T, padding included."""
        sequence = self.tokens if self.tokens is not None else self.values
        assert sequence is not None
        return sequence.shape[1]

    def to(self, device: torch.device) -> Batch:
        if device.type == "cpu":
            return self
        return Batch(*(None if part is None else part.to(device, non_blocking=True) for part in _parts(self)))  # type: ignore[arg-type]

    def part(self, number: int, of: int) -> Batch:
        """Rows `number`, `number + of`, ...; `number` counts from 0 and must be less than the number of rows."""
        return Batch(*(None if one is None else one[number::of].contiguous() for one in _parts(self)))  # type: ignore[arg-type]

    def pad_to(self, width: int) -> Batch:
        """The same rows with more padding; on a CPU.

        Filled by NumPy: after any parallel work, torch's threads keep their processors for a while, and an engine with
        its own threads was half as fast.
        """
        more = width - self.width
        assert more >= 0, "padding is only added"
        if not more:
            return self

        def pad(part: Tensor | None) -> Tensor | None:
            if part is None:
                return None
            padded = part.new_empty(len(part), width, *part.shape[2:])
            view = padded.numpy()
            view[:, : self.width], view[:, self.width :] = part.numpy(), 0
            return padded

        return replace(self, tokens=pad(self.tokens), values=pad(self.values), observed=pad(self.observed))


def _parts(batch: Batch) -> tuple[Tensor | None, ...]:
    return batch.rows, batch.tokens, batch.values, batch.observed, batch.lengths, batch.labels
