"""What a step frees stays with the process, so that the next step need not ask the system for it again.

The C library gives freed memory back as soon as it is more than a bound, and the system hands it out anew page by page,
each page cleared first: up to a tenth of a step of a convolutional network, or nothing, as it happened to be laid out.
glibc raises that bound when a large block is freed, to twice its size (mallopt(3), M_MMAP_THRESHOLD, "dynamic"), so
one block that nobody writes to is enough; other libraries do not mind. The price: for the rest of its life the process
keeps what smaller blocks took at their peak, where something in use lies above them. The peak itself is as it was.
"""

from __future__ import annotations

import numpy as np

from seqcls.kernels.switch import is_plain

LARGEST = 2**25 - 2**16
"""Bytes: just under the largest block that glibc learns from (32 MiB)."""


def keep_freed_memory() -> None:
    """From now on blocks up to `LARGEST` that are freed stay with this process."""
    if not is_plain():
        np.empty(LARGEST, np.uint8)
