"""What the processor can do: as torch finds it, less what ONEDNN_MAX_CPU_ISA keeps back.

In: nothing, or a device. Out: `Processor`, or whether and why not. Promise: nobody else asks torch, so trainings,
engines and races are told the same. oneDNN computes for torch and obeys the variable; torch's own list of
instructions does not, and a cell in bfloat16 that oneDNN cannot compute is an error in the middle of a training.
Values: oneDNN's "CPU dispatcher control"; a value that it does not know changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16", "sve_bf16")
"""Names that torch gives them on x86 and on ARM; without one bfloat16 is imitated, slower than float32."""
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Both are read, the first that is not empty counts; neither upper nor lower case matters."""
RISING = {
    "sse41": "sse4_1",
    "avx": "avx",
    "avx2": "avx2",
    "avx2_vnni": "avx_vnni",
    "avx2_vnni_2": "avx_ne_convert",
    "avx512_core": "avx512_bw",
    "avx512_core_vnni": "avx512_vnni",
    "avx512_core_bf16": "avx512_bf16",
    "avx10_1_512": "avx512_fp16",
    "avx10_2": "avx10_2",
}
"""Values of the variable, and what torch calls the instructions that each adds to those before it."""
TILES = {"_amx": ("amx_bf16",), "_amx_fp16": ("amx_bf16", "amx_fp16"), "_amx_2": ("amx_bf16", "amx_fp16")}
"""What an ending of such a value adds; without one there are no tiles."""
ALIASES = {
    "avx512_core_fp16": "avx10_1_512",
    "avx512_core_amx": "avx10_1_512_amx",
    "avx512_core_amx_fp16": "avx10_1_512_amx_fp16",
    "avx10_2_512": "avx10_2",
    "avx10_2_512_amx_2": "avx10_2_amx_2",
}


@dataclass(frozen=True)
class Processor:
    name: str
    architecture: str
    cores: int
    bf16: tuple[str, ...]
    """Which instructions for bfloat16 may be used."""
    limit: str
    """Such as "ONEDNN_MAX_CPU_ISA=AVX2" where that keeps back anything that the processor has; else empty."""


def processor() -> Processor:
    """As it is for oneDNN now; oneDNN itself reads the variable once in a process."""
    found = torch.cpu.get_capabilities()
    variable = next((name for name in LIMITS if os.environ.get(name)), LIMITS[0])
    value = os.environ.get(variable, "")
    kept_back = {name for name in _above(value) if found.get(name, False)}
    return Processor(
        name=str(found.get("cpu_name", "unknown")),
        architecture=str(found.get("architecture", "unknown")),
        cores=int(found.get("num_physical_cores", 0)),
        bf16=_named(found, kept_back),
        limit=f"{variable}={value}" if kept_back else "",
    )


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself."""
    return not lacks_bf16(device)


def lacks_bf16(device: torch.device) -> str:
    """Why a device would have to imitate bfloat16; empty where it computes in it by itself."""
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return "" if able else "this GPU has no instructions for bfloat16"
    here = processor()
    if here.bf16:
        return ""
    if here.limit and _named(torch.cpu.get_capabilities(), set()):
        return f"{here.limit} leaves this processor no instructions for bfloat16"
    return "this processor has no instructions for bfloat16"


def _named(found: Mapping[str, Any], kept_back: set[str]) -> tuple[str, ...]:
    return tuple(name for name in BF16_INSTRUCTIONS if found.get(name, False) and name not in kept_back)


def _above(value: str) -> set[str]:
    """Instructions that a value of the variable keeps back, on any processor."""
    value = ALIASES.get(value.lower(), value.lower())
    core, tiles, ending = value.partition("_amx")
    if core not in RISING or (tiles and tiles + ending not in TILES):
        return set()
    names = list(RISING)
    above = {RISING[name] for name in names[names.index(core) + 1 :]}
    return above | ({"amx_bf16", "amx_fp16"} - set(TILES.get(tiles + ending, ())))
