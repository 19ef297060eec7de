"""This process joins those that a launcher started with it: PyTorch's process group, gloo on processors, NCCL on GPUs.

In: the environment that torchrun sets. Out: a `ProcessGroup`; `ALONE` where nobody launched several processes. Promise:
processes that are all on this machine exchange over loopback only, unless GLOO_SOCKET_IFNAME says otherwise.
"""

from __future__ import annotations

import atexit
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as collective

from seqcls.distributed.process_group import ALONE, ProcessGroup
from seqcls.distributed.ranks import Ranks, launched_ranks
from seqcls.errors import ConfigRefused, WorldFailed, first_line

INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")


@contextmanager
def joined(device: torch.device) -> Iterator[ProcessGroup]:
    """Be one of the launched processes within the block; a lost connection is a `WorldFailed`."""
    ranks = launched_ranks()
    if ranks is None:
        yield ALONE
        return
    check_devices(ranks, device)
    try:
        yield join(ranks, device)
    except RuntimeError as error:
        if not is_of_the_connection(error):
            raise
        raise WorldFailed(
            f"process {ranks.rank + 1} of {ranks.size} lost the others, or never found them ({first_line(error)})",
            where=f"{os.environ['MASTER_ADDR']}:{os.environ.get('MASTER_PORT', '')}",
            expected="all processes of the launcher until the end of the training",
            next_step="see what the others said, then launch the same command again: it goes on where it stood",
        ) from error


def join(ranks: Ranks, device: torch.device) -> ProcessGroup:
    """The group, which this process joins once and leaves at its end: a launcher's store serves one group."""
    if device.type == "cuda":
        device = torch.device("cuda", ranks.local_rank)
        torch.cuda.set_device(device)
    if not collective.is_initialized():
        if ranks.size == ranks.local_size:
            for name in INTERFACES:
                os.environ.setdefault(name, loopback())
        # Without NCCL nothing of a GPU is exchanged; what is not on it (sums, decisions) always goes through gloo.
        backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
        collective.init_process_group(backend, rank=ranks.rank, world_size=ranks.size)
        atexit.register(collective.destroy_process_group)
    return ProcessGroup(ranks.rank, ranks.size, device)


def is_of_the_connection(error: RuntimeError) -> bool:
    """Whether processes could not speak to each other: PyTorch has a class for it, gloo has only words."""
    return isinstance(error, collective.DistError) or "gloo" in str(error)


def check_devices(ranks: Ranks, device: torch.device) -> None:
    """A GPU takes one process of a training (NCCL refuses two)."""
    gpus = torch.cuda.device_count() if device.type == "cuda" else ranks.local_size
    if ranks.local_size > gpus:
        raise ConfigRefused(
            f"{ranks.local_size} processes for {gpus} GPU{'s' if gpus > 1 else ''}",
            where="environment variable LOCAL_WORLD_SIZE",
            expected="a GPU of its own for each process",
            next_step=f"torchrun --nproc-per-node {gpus}, or set CUDA_VISIBLE_DEVICES= to train on processors",
        )


def loopback() -> str:
    """Name of the loopback interface: lo on Linux, lo0 on macOS."""
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
