"""One switch for all numerics written by hand: with SEQCLS_PLAIN=1 in the environment PyTorch's own are used.

For finding out whether a fault is in one of them: losses stay the same up to rounding (docs/how-to/training.md).
"""

from __future__ import annotations

import os

SWITCH = "SEQCLS_PLAIN"


def is_plain() -> bool:
    """Whether the hand-written numerics are switched off."""
    return os.environ.get(SWITCH) == "1"
