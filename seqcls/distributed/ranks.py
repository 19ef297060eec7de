"""Which of several processes this one is, as torchrun (or another launcher) says.

In: the environment (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR). Out: `Ranks`, or None for a process
that was started alone. Promise: looks, and starts nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from seqcls.errors import ConfigRefused


@dataclass(frozen=True)
class Ranks:
    rank: int
    """From 0, over all machines."""
    size: int
    """Processes over all machines."""
    local_rank: int
    """From 0, on this machine."""
    local_size: int


def launched_ranks() -> Ranks | None:
    """What a launcher gave this process; None without one, or where it launched one process."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
    if any(name not in os.environ for name in names) or os.environ["WORLD_SIZE"] == "1":
        return None
    return Ranks(_number("RANK"), _number("WORLD_SIZE"), _number("LOCAL_RANK", "0"), _number("LOCAL_WORLD_SIZE", "1"))


def local_processes() -> int:
    """Processes of a training that share this machine's processors."""
    ranks = launched_ranks()
    return 1 if ranks is None else ranks.local_size


def refuse_launcher(family: str) -> None:
    """For families that are not trained in steps, which alone can be shared by processes."""
    ranks = launched_ranks()
    if ranks is not None:
        raise ConfigRefused(
            f'{ranks.size} processes were launched (WORLD_SIZE), but family = "{family}" trains in one',
            where="model.family",
            expected="a family that is trained in steps, or one process",
            next_step="run `seqcls train` without torchrun",
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
