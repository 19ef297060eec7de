"""Same seed, same machine, same thread count -> the same weights, bit for bit; the process is left as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.utils.deterministic
from torch import Tensor

from seqcls.config.train import TrainConfig
from seqcls.distributed.ranks import local_processes
from seqcls.processors.allowed import most_threads

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def choose_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def threads_of(config: TrainConfig) -> int:
    """Threads of a process: those asked for, or its part of the processors."""
    return config.threads or most_threads(local_processes())


def seed_of(seed: int, rank: int) -> int:
    """Seed of what a process draws for its own rows (dropout), once all have drawn the same weights."""
    return seed if rank == 0 else int(np.random.SeedSequence([seed, rank]).generate_state(1)[0])


def random_state(device: torch.device) -> dict[str, Tensor]:
    """State of the generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Go on where `random_state` was taken."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def random_part(rank: int) -> str:
    """Where a checkpoint keeps what a process will draw next."""
    return f"random-{rank}" if rank else "random"


@contextmanager
def reproducible(seed: int, threads: int, device: torch.device) -> Iterator[None]:
    """Deterministic kernels, seeded generators and a fixed thread count within the block; all restored after it."""
    before = random_state(device), torch.get_num_threads(), os.environ.get(CUBLAS)
    mode = torch.get_deterministic_debug_mode()
    fills: Any = torch.utils.deterministic  # its one setting is a property that type checkers do not see
    fill, benchmark = fills.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    try:
        os.environ.setdefault(CUBLAS, ":4096:8")  # cuBLAS repeats itself only with a workspace of its own
        # The same switch as `use_deterministic_algorithms(True)`, which also imports the compiler: a second and more
        # of every training (torch's optimisers import it too; training/adam.py does without them).
        torch.set_deterministic_debug_mode("error")
        fills.fill_uninitialized_memory = False  # every tensor here is written before it is read
        torch.backends.cudnn.benchmark = False  # would pick kernels by a stopwatch
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        fills.fill_uninitialized_memory = fill
        torch.backends.cudnn.benchmark = benchmark
        torch.set_num_threads(before[1])
        set_random_state(before[0], device)
        if before[2] is None:
            os.environ.pop(CUBLAS, None)
