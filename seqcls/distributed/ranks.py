"""Where a process stands among those that train together, and whether a launcher has put it there.

In: the environment (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, as torchrun and most launchers set
them). Out: `Place`, or None for a process that nobody placed. Promise: looks, and starts nothing.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass

from seqcls.config.train import TrainConfig
from seqcls.errors import ConfigRefused

INSTALL = "pip install 'seqcls[distributed]'"


@dataclass(frozen=True)
class Place:
    rank: int
    """From 0, over all machines."""
    size: int
    """Processes over all machines."""
    local_rank: int
    """From 0, on this machine."""
    local_size: int


def launched_place() -> Place | None:
    """The place that a launcher gave this process; None without one, or where it launched one process."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
    if any(name not in os.environ for name in names) or os.environ["WORLD_SIZE"] == "1":
        return None
    size = _number("WORLD_SIZE")
    return Place(_number("RANK"), size, _number("LOCAL_RANK", "0"), _number("LOCAL_WORLD_SIZE", "1"))


def local_processes(config: TrainConfig) -> int:
    """Processes of a training that share this machine's processors."""
    place = launched_place()
    return config.processes if place is None else place.local_size


def check_processes(config: TrainConfig) -> None:
    """The number of processes is that of the launcher, if there is one, and Fabric is there if it is needed."""
    place = launched_place()
    if place is not None and place.size != config.processes:
        raise ConfigRefused(
            f"{config.processes}, but a launcher started {place.size} processes (WORLD_SIZE)",
            where="train.processes",
            expected="as many as were launched",
            next_step=f"set train.processes = {place.size}, or run without the launcher",
        )
    if config.processes > 1 and importlib.util.find_spec("lightning_fabric") is None:
        raise ConfigRefused(
            f"{config.processes}, but Lightning Fabric is not installed",
            where="train.processes",
            expected="the package lightning-fabric, which sets up the exchange of gradients",
            next_step=f"{INSTALL}, or set train.processes = 1",
        )


def _number(name: str, default: str | None = None) -> int:
    text = os.environ.get(name, default) if default is not None else os.environ[name]
    assert text is not None
    if not text.isdecimal():
        raise ConfigRefused(
            f"{text!r}",
            where=f"environment variable {name}",
            expected="a whole number, as the launcher of the processes sets it",
            next_step=f"unset {name}, or start the processes with torchrun",
        )
    return int(text)
