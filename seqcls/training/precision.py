"""In what a training computes: float32, or products in bfloat16.

In: a network. Out: the network to train with, whose weights are the same. Promise: weights, optimiser, statistics of
batch normalisation, loss and validation are float32 always; only the products of the forward pass and their gradients
are not. bfloat16: Kalamkar et al. 2019, "A study of BFLOAT16 for deep learning training"; float32 beside it:
Micikevicius et al. 2018, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.distributed.process_group import ProcessGroup
from seqcls.models.instructions import lacks_bf16

Name = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Precision:
    """What a training computes in."""

    used: Name = "float32"
    why: str = ""
    """Why bfloat16, which was asked for, cannot be had here."""


def usable_precision(asked: Name, device: torch.device, group: ProcessGroup) -> Precision:
    """bfloat16 only where every process has instructions for it: imitated, it is slower than float32."""
    if asked == "float32":
        return Precision()
    why = lacks_bf16(device)
    if not group.largest(torch.tensor([int(bool(why))])).item():
        return Precision("bfloat16")
    return Precision("float32", f"float32: {why or 'not every process has instructions for bfloat16'}")


class InBfloat16(nn.Module):
    """A network whose products are computed in bfloat16; its logits are float32."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.network, self.device_type = network, device.type

    def forward(self, batch: Batch) -> Tensor:
        with torch.autocast(self.device_type, torch.bfloat16):
            logits: Tensor = self.network(batch)
        return logits.float()


def in_precision(model: nn.Module, used: Name, device: torch.device) -> nn.Module:
    """The network to train with; the weights are those of `model`."""
    return InBfloat16(model, device) if used == "bfloat16" else model
