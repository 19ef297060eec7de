"""A process joins the others: Lightning Fabric sets up DDP on processors (gloo) or GPUs (NCCL).

In: a `Place`, and either the file by which processes of one machine find each other, or the address that a launcher
put into the environment. Out: a `Team`. Promise: processes that we started ourselves listen on loopback only, and no
port is opened for finding each other; an address beyond it is used only where a launcher named it.
Imported only where several processes train: `import lightning_fabric` takes seconds and is an extra.
"""

from __future__ import annotations

import inspect
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as collective
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from seqcls.distributed.process_group import Team
from seqcls.distributed.ranks import Place
from seqcls.errors import ConfigRefused
from seqcls.training.seeding import choose_device

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it prints a banner for each training
INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")


class Placed(ClusterEnvironment):
    """Tells Fabric that the processes are there already, and which of them this is."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return os.environ.get("MASTER_ADDR", "127.0.0.1")

    @property
    def main_port(self) -> int:
        return int(os.environ.get("MASTER_PORT", "29500"))

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.place.size

    def set_world_size(self, size: int) -> None:
        assert size == self.place.size

    def global_rank(self) -> int:
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        assert rank == self.place.rank

    def local_rank(self) -> int:
        return self.place.local_rank

    def node_rank(self) -> int:
        return (self.place.rank - self.place.local_rank) // self.place.local_size


@contextmanager
def joined(place: Place, meeting: Path | None) -> Iterator[Team]:
    """Be one of the team within the block. `meeting` is a file for processes of one machine; None: ask the launcher."""
    device = choose_device()
    check_room(place, device)
    # Without NCCL nothing of a GPU is exchanged; what is not on it (sums, decisions) always goes through gloo.
    backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
    if meeting is not None:
        for name in INTERFACES:
            os.environ[name] = loopback()
        store = collective.FileStore(str(meeting), place.size)  # type: ignore[attr-defined]
        collective.init_process_group(backend, store=store, rank=place.rank, world_size=place.size)
    options: dict[str, Any] = {syncing_buffers(): False}
    strategy = DDPStrategy(cluster_environment=Placed(place), process_group_backend=backend, **options)
    fabric = Fabric(
        accelerator=device.type,
        devices=place.local_size,
        num_nodes=place.size // place.local_size,
        strategy=strategy,
    )
    fabric.launch()
    yield Team(place.rank, place.size, fabric.device, fabric.setup_module)
    # Only after success: a process that failed keeps its connections until its parent has read why, since the others
    # would fail of their end.
    collective.destroy_process_group()


def check_room(place: Place, device: torch.device) -> None:
    """A GPU takes one process of a training (NCCL refuses two)."""
    gpus = torch.cuda.device_count() if device.type == "cuda" else place.local_size
    if place.local_size > gpus:
        raise ConfigRefused(
            f"{place.local_size} processes for {gpus} GPU{'s' if gpus > 1 else ''}",
            where="train.processes",
            expected="a GPU of its own for each process",
            next_step=f"set train.processes = {gpus}, or CUDA_VISIBLE_DEVICES= to train on processors",
        )


def syncing_buffers() -> str:
    """The option that sends buffers round before each step, which `Team.take_buffers` does once an epoch."""
    known = inspect.signature(DistributedDataParallel.__init__).parameters
    return "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # before PyTorch 2.13


def loopback() -> str:
    """Name of the loopback interface: lo on Linux, lo0 on macOS."""
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
