"""What decides how fast engines are: the processor, and the versions of what computes. A race counts where it was run.

In: nothing. Out: `Machine`. Promise: equal machines compare equal, also in another process; threads are no part of it.
"""

from __future__ import annotations

import importlib.metadata

import torch
from pydantic import BaseModel, ConfigDict

from seqcls.models.bf16 import BF16_INSTRUCTIONS
from seqcls.version import __version__


class Machine(BaseModel):
    """As torch and the installed packages describe it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processor: str
    architecture: str
    cores: int
    bf16: tuple[str, ...]
    """Which instructions for bfloat16 it has."""
    seqcls: str
    torch: str
    openvino: str
    """Empty where it is not installed."""

    def differences(self, other: Machine) -> list[str]:
        """What is not the same here and there, in words."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in type(self).model_fields}
        return [f"{name} {_said(here)}, then {_said(there)}" for name, (here, there) in pairs.items() if here != there]


def this_machine() -> Machine:
    capabilities = torch.cpu.get_capabilities()
    return Machine(
        processor=str(capabilities.get("cpu_name", "unknown")),
        architecture=str(capabilities.get("architecture", "unknown")),
        cores=int(capabilities.get("num_physical_cores", 0)),
        bf16=tuple(name for name in BF16_INSTRUCTIONS if capabilities.get(name, False)),
        seqcls=__version__,
        torch=torch.__version__,
        openvino=_version("openvino"),
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _said(value: object) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text or "none"
