"""Memory that is freed and taken again, step by step, is asked of the system once."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import numpy as np
from seqcls.kernels.freed_memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
def step():
    blocks = [np.ones(3 * 2**17) for _ in range(10)]  # 3 MiB each
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this bound")
def test_a_step_reuses_the_memory_of_the_step_before() -> None:
    pages = {}
    for mode in ("keep", "give back"):
        done = subprocess.run([sys.executable, "-c", STEPS, mode], check=True, capture_output=True, text=True)
        pages[mode] = int(done.stdout)
    assert pages["keep"] < 100
    assert pages["give back"] > 1000, "without it this test would show nothing"
