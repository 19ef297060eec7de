"""Whether a device computes in bfloat16 by itself. In: a device. Out: yes or no, as PyTorch says."""

from __future__ import annotations

import torch

BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16", "sve_bf16")
"""Names that torch gives them on x86 and on ARM; without one bfloat16 is imitated, slower than float32."""


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself, as torch says."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in BF16_INSTRUCTIONS)
