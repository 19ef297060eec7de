"""Engines: ways to compute the logits of one model, behind one interface. `ENGINES` names them.

In: `LoadedModel`. Out: `Engine`, Batch -> logits (B, K) float32. Promise: every engine is built from our own verified
weights each time it is opened; no engine file is written or read. `race` decides which one scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from seqcls.config.train import EngineName
from seqcls.engines.engine import Engine
from seqcls.engines.folded_engine import open_folded
from seqcls.engines.openvino_engine import open_openvino, open_openvino_bf16
from seqcls.engines.torch_engine import open_torch, open_torch_bf16
from seqcls.models.package import LoadedModel

Opener = Callable[[LoadedModel], Engine]

ENGINES: dict[EngineName, Opener] = {
    "torch": open_torch,
    "torch-folded": open_folded,
    "torch-bf16": open_torch_bf16,
    "openvino": open_openvino,
    "openvino-bf16": open_openvino_bf16,
}
"""The first one is the reference, and the default if no other is as accurate and faster."""

REFERENCE: EngineName = "torch"
assert tuple(ENGINES) == get_args(EngineName)
