"""How threads wait for each other: they spin briefly, then sleep. Called before any numerical library is imported.

Out: environment variables, which the OpenMP libraries of PyTorch and scikit-learn read once, when they are loaded, and
which child processes inherit. OpenMP threads wait for each other after each operation, and by default they spin until
the last one arrives: on a busy machine they occupy the processor that the last one needs, and training is ten times
slower (performance.md). A thread that sleeps at once must be woken after each operation, which costs a few per cent on
a quiet machine. So threads spin for some microseconds first. Promise: settings of the user are kept; if the libraries
are loaded already (a notebook that imported torch first), nothing changes.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from seqcls.processors.allowed import affinity, processors

POLICY = "OMP_WAIT_POLICY"
THREADS = "OMP_NUM_THREADS"
OF_THE_USER = (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Any of these sets how threads wait: the variables of OpenMP, of GNU, and of Intel and LLVM."""
OURS = {POLICY: "PASSIVE", "GOMP_SPINCOUNT": "10000"}
"""GNU's library spins 300,000 times by default, and never with PASSIVE alone; the others know the policy only."""


def wait_passively(environment: MutableMapping[str, str] = os.environ) -> None:
    """Waiting threads soon sleep, and a container's quota limits their number.

    The libraries respect affinity but not quotas: they would start a thread for each processor of the machine, and the
    kernel would stop all of them together when the quota is used up.
    """
    if not any(name in environment for name in OF_THE_USER):
        environment.update(OURS)
    if THREADS not in environment and (ours := processors()) < affinity():
        environment[THREADS] = str(ours)
