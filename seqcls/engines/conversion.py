"""Convert a network for OpenVINO: traced once on a few rows, for any number of rows and positions.

In: a network and its input spec. Out: an OpenVINO model and the names of its inputs. Promise: nothing is written, read
or sent. Decisions in Python (does the batch have padding?) are taken once, for rows of unequal length: that is the
branch with masks, which gives the same numbers for rows of equal length.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.encoders.spec import InputSpec

PROBE_LENGTHS = (1.0, 0.75, 0.5, 0.0)
"""Lengths of the rows for conversion and checks: full, shorter, and empty."""


def is_installed() -> bool:
    return importlib.util.find_spec("openvino") is not None


def import_openvino() -> Any:
    """The package, without its telemetry: if openvino_telemetry is installed, the import alone reports to Intel.

    OpenVINO uses its own stub if importing that package fails, so this makes the import fail.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def core() -> Any:
    """The one OpenVINO core of this process.

    Each core sets a stack for signal handlers and restores the previous one when it ends. If two cores end in the order
    in which they started, the second restores what the first has freed: the next Ctrl-C is a segmentation fault.
    """
    return import_openvino().Core()


class ByName(nn.Module):
    """A network that takes tensors instead of a Batch."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *tensors: Tensor) -> Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        lengths = given["lengths"]
        parts = (given.get("tokens"), given.get("values"), given.get("observed"))
        logits: Tensor = self.network(Batch(lengths, *parts, lengths, lengths))
        return logits


def tensors_of(batch: Batch) -> dict[str, Tensor]:
    """The tensors that a network reads from a batch."""
    parts = {"tokens": batch.tokens, "values": batch.values, "observed": batch.observed, "lengths": batch.lengths}
    return {name: part for name, part in parts.items() if part is not None}


def probe(inputs: InputSpec, width: int) -> Batch:
    """A few random rows of unequal length, padded to `width`; always the same ones."""
    random = np.random.default_rng(width)
    lengths = torch.tensor([round(width * share) for share in PROBE_LENGTHS])
    rows = len(lengths)
    real = torch.arange(width) < lengths[:, None]  # (B, T)
    facts = lengths, torch.full((rows,), -1)
    if inputs.form == "tokens":
        tokens = torch.from_numpy(random.integers(1, max(inputs.vocabulary, 2), (rows, width)))
        return Batch(torch.arange(rows), tokens * real, None, None, *facts)
    shape = (rows, width, inputs.channels)
    observed = torch.from_numpy(random.random(shape) < 0.8) & real[:, :, None]
    values = torch.from_numpy(random.normal(size=shape).astype(np.float32)) * real[:, :, None]
    batch = Batch(torch.arange(rows), None, values, None, *facts)
    return replace(batch, values=values * observed, observed=observed) if inputs.missing else batch


def convert(network: nn.Module, inputs: InputSpec) -> tuple[Any, tuple[str, ...]]:
    """The network as an OpenVINO model; RuntimeError if it cannot be converted.

    `openvino.convert_model` does the same but reports to Intel, so its parts are called here.
    """
    import_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    given = tensors_of(probe(inputs, inputs.max_length))
    names, example = tuple(given), tuple(given.values())
    with warnings.catch_warnings(), torch.no_grad():
        # Decisions are taken once on purpose (see above); torch.jit is deprecated, but the only way for any length.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(ByName(network, names).eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
        frontend = FrontEndManager().load_by_framework("pytorch")
        return frontend.convert(frontend.load(decoder)), names
