"""PyTorch itself: float32, the reference of every other engine, and bfloat16.

bfloat16 has float32's range and 8 bits of precision; matrix products and recurrent cells are computed in it if the
processor has instructions for it, sums and the rest in float32 (torch.autocast; Kalamkar et al. 2019, "A study of
BFLOAT16 for deep learning training").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from seqcls.data.batch import Batch
from seqcls.engines.engine import unavailable
from seqcls.models.instructions import lacks_bf16
from seqcls.models.logits import Logits, device_of, run_once
from seqcls.models.package import LoadedModel
from seqcls.processors.allowed import processors


@dataclass(frozen=True)
class TorchEngine:
    """The network as it was trained."""

    name: str
    network: nn.Module
    device: torch.device
    lower: bool
    """Whether products are computed in bfloat16."""

    @property
    def leaves_room(self) -> bool:
        """OpenMP's threads keep their processors while they wait for each other: if there are as many as processors,
        encoding in parallel costs more than it saves (docs/evidence/benchmarks.md)."""
        return self.device.type != "cpu" or torch.get_num_threads() < processors()

    def run(self, batch: Batch) -> Logits:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.lower):
            return run_once(self.network, batch, self.device)


def open_torch(loaded: LoadedModel) -> TorchEngine:
    return _open("torch", loaded, lower=False)


def open_torch_bf16(loaded: LoadedModel) -> TorchEngine:
    """Raises if bfloat16 would only be emulated, and for families that do not use matrix products."""
    if loaded.config.trained == "fit":
        raise unavailable("torch-bf16", f"{loaded.config.family} counts and compares, which bfloat16 does not speed up")
    engine = _open("torch-bf16", loaded, lower=True)
    if why := lacks_bf16(engine.device):
        raise unavailable("torch-bf16", why)
    return engine


def _open(name: str, loaded: LoadedModel, *, lower: bool) -> TorchEngine:
    assert not loaded.model.training, "dropout would still be on"
    return TorchEngine(name, loaded.model, device_of(loaded.model), lower)
