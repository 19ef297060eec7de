"""How threads wait for each other: a moment spinning, then asleep. Called before anything that computes is imported.

Out: environment variables, which the OpenMP libraries of PyTorch and scikit-learn read once, as they are loaded, and
which every process that is started from here inherits. OpenMP's threads meet after each operation, and by default they
spin until the last one is there: on a busy machine they spin on the processor that the last one is waiting for, and a
training is ten times slower (performance.md). A thread that sleeps at once has to be woken after each operation,
which costs some per cent on a quiet machine. So threads spin for some microseconds first. Promise: what the user set
stays; where the libraries are loaded already (a notebook that imported torch first) nothing changes, and nothing is
said.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from seqcls.processors.allowed import affinity, processors

POLICY = "OMP_WAIT_POLICY"
THREADS = "OMP_NUM_THREADS"
OF_THE_USER = (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Any of these says how threads are to wait: in OpenMP's own word, in GNU's or in Intel's and LLVM's."""
OURS = {POLICY: "PASSIVE", "GOMP_SPINCOUNT": "10000"}
"""GNU's library spins 300,000 times by default, and not once with PASSIVE alone; the others know the policy only."""


def wait_passively(environment: MutableMapping[str, str] = os.environ) -> None:
    """Threads that wait are soon asleep, and there are no more of them than a container's quota gives processors.

    The libraries know of affinity by themselves, and nothing of quotas: they would start a thread for each processor
    of the machine, all of which the kernel stops together when the quota is used up.
    """
    if not any(name in environment for name in OF_THE_USER):
        environment.update(OURS)
    if THREADS not in environment and (ours := processors()) < affinity():
        environment[THREADS] = str(ours)
