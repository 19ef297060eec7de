"""OpenVINO: the network compiled for this processor, in float32 or in bfloat16.

In: `LoadedModel`. Out: an engine. Promise: batches are padded to one of a few widths; each width was compared with
PyTorch at opening, on rows of unequal length including an empty one, and is not used if the two differ. A network that
cannot be converted, or that differs at its full length, is refused with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqcls.data.batch import Batch
from seqcls.engines.conversion import convert, core, is_installed, probe, tensors_of
from seqcls.engines.engine import unavailable
from seqcls.engines.torch_engine import open_torch
from seqcls.errors import first_line
from seqcls.evaluation.probabilities import softmax
from seqcls.models.instructions import lacks_bf16, processor
from seqcls.models.logits import Logits
from seqcls.models.package import LoadedModel

WIDTHS = 8
"""Each width costs a comparison at opening and memory for its kernels; fewer widths cost more padding."""
NARROWEST = 8
MOST_DIFFERENCE = {"openvino": 1e-4, "openvino-bf16": 0.1}
"""Largest difference of probabilities on random rows that rounding explains. The race judges trained networks."""


@dataclass(frozen=True)
class OpenVinoEngine:
    """A compiled network; `request` computes one batch at a time."""

    name: str
    request: Any
    names: tuple[str, ...]
    widths: tuple[int, ...]
    """Ascending; the last one is the longest possible sequence."""

    @property
    def leaves_room(self) -> bool:
        """True: its threads sleep while they wait."""
        return True

    def run(self, batch: Batch) -> Logits:
        width = next(width for width in self.widths if width >= batch.width)
        return self.compute(batch.pad_to(width))

    def compute(self, batch: Batch) -> Logits:
        """Logits (B, K) of a batch at its own width."""
        given = tensors_of(batch)
        logits = self.request.infer([given[name].numpy() for name in self.names], share_inputs=True)[0]
        return np.array(logits, np.float32)  # the request reuses its memory


def open_openvino(loaded: LoadedModel) -> OpenVinoEngine:
    """In float32, even if the processor has bfloat16."""
    return _open("openvino", loaded, "f32")


def open_openvino_bf16(loaded: LoadedModel) -> OpenVinoEngine:
    if why := lacks_bf16(torch.device("cpu")):
        raise unavailable("openvino-bf16", why)
    return _open("openvino-bf16", loaded, "bf16")


def _open(name: str, loaded: LoadedModel, precision: str) -> OpenVinoEngine:
    if not is_installed():
        raise unavailable(name, "OpenVINO is not installed", "pip install 'seqcls[openvino]', or another score.engine")
    if loaded.config.trained == "fit":
        raise unavailable(name, f"{loaded.config.family} chooses its work in Python, by the rows of a batch")
    if limit := processor().limit:  # attention limited to AVX2, on a processor with AVX-512: segmentation fault
        variable = limit.partition("=")[0]
        next_step = f'unset {variable}, or set score.engine = "auto" or "torch"'
        raise unavailable(name, f"it respects {limit} only partly, and can crash", next_step)
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # a core that another program uses would delay every batch
    }
    try:
        model, names = convert(loaded.model, loaded.inputs)
        request = core().compile_model(model, "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise unavailable(name, f"cannot be converted ({first_line(error, 200)})") from error
    engine = OpenVinoEngine(name, request, names, ())
    widths = tuple(width for width in possible_widths(loaded.inputs.max_length) if _agrees(engine, loaded, width))
    if not widths or widths[-1] != loaded.inputs.max_length:
        raise unavailable(name, "its results differ from those of PyTorch")
    return OpenVinoEngine(name, request, names, widths)


def possible_widths(longest: int) -> tuple[int, ...]:
    """Eighths of the longest sequence, ascending; none narrower than eight positions unless all are."""
    steps = {max(-(-longest * step // WIDTHS), min(NARROWEST, longest)) for step in range(1, WIDTHS + 1)}
    return tuple(sorted(steps))


def _agrees(engine: OpenVinoEngine, loaded: LoadedModel, width: int) -> bool:
    """Whether the engine matches PyTorch's probabilities for a few random rows of this width."""
    batch = probe(loaded.inputs, width)
    wanted = open_torch(loaded).run(batch)
    try:
        found = engine.compute(batch)
    except RuntimeError:  # tracing fixed a shape: this width is not used
        return False
    same_shape = found.shape == wanted.shape
    return same_shape and bool(np.abs(softmax(found, 1.0) - softmax(wanted, 1.0)).max() <= MOST_DIFFERENCE[engine.name])
