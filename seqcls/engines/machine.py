"""What decides the speed of engines: the processor and library versions. A race counts only where it was run.

In: nothing. Out: `Machine`. Promise: equal machines compare equal, also across processes; threads are not included.
"""

from __future__ import annotations

import importlib.metadata

import torch
from pydantic import BaseModel, ConfigDict

from seqcls.models.instructions import processor
from seqcls.version import __version__


class Machine(BaseModel):
    """The machine as torch and the installed packages describe it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processor: str
    """Instruction set, limited by ONEDNN_MAX_CPU_ISA if that is set."""
    architecture: str
    cores: int
    bf16: tuple[str, ...]
    """Its instructions for bfloat16."""
    seqcls: str
    torch: str
    openvino: str
    """Empty if it is not installed."""

    def differences(self, other: Machine) -> list[str]:
        """The differences between two machines, in words."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in type(self).model_fields}
        return [f"{name} {_said(here)}, then {_said(there)}" for name, (here, there) in pairs.items() if here != there]


def this_machine() -> Machine:
    here = processor()
    return Machine(
        processor=f"{here.name} ({here.limit})" if here.limit else here.name,
        architecture=here.architecture,
        cores=here.cores,
        bf16=here.bf16,
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
