"""What tests need of the processor, and the small one that `make test` tries too (ONEDNN_MAX_CPU_ISA=AVX2).

No test passes or fails by what the processor can do: what truly needs an instruction is skipped with the reason.
"""

from __future__ import annotations

import pytest
import torch

from seqcls.engines import conversion
from seqcls.models.instructions import lacks_bf16, processor

CPU = torch.device("cpu")
SMALL = ("ONEDNN_MAX_CPU_ISA", "AVX2")
"""For `monkeypatch.setenv`: the product is told of a small processor; oneDNN, which reads it once, may know more."""
WITHOUT_OPENVINO = (
    "OpenVINO is an extra: seqcls[openvino]"
    if not conversion.is_installed()
    else f"OpenVINO can crash under {processor().limit}"
    if processor().limit
    else ""
)
WITHOUT_BF16 = lacks_bf16(CPU)

needs_openvino = pytest.mark.skipif(bool(WITHOUT_OPENVINO), reason=WITHOUT_OPENVINO)
needs_bf16 = pytest.mark.skipif(bool(WITHOUT_BF16), reason=WITHOUT_BF16)
