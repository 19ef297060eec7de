"""The processes that train one network together: their rows of a batch, and what they exchange.

In: batches that every process walks in the same order. Out: this process's rows of them, and sums over all processes.
Promise: every process takes the same decisions, since it takes them from the same numbers, or rank 0 takes them; only
numbers pass between processes, never objects (which would be pickles). A process alone is a group of one, and does
exactly what it would do without a group. Synchronous data parallelism: Goyal et al. 2017, section 2.1; the exchange of
gradients is PyTorch's (Li et al. 2020, "PyTorch Distributed").
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as collective
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seqcls.data.batch import Batch
from seqcls.errors import CheckBroken, ConfigRefused

IGNORED = -100
"""The label of a row without a loss: `F.cross_entropy` counts it nowhere."""


class ProcessGroup:
    """`rank` counts from 0; what is exchanged lies in the processor's memory, also where the network is on a GPU."""

    def __init__(self, rank: int = 0, size: int = 1, device: torch.device | None = None) -> None:
        self.rank, self.size, self.device = rank, size, device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes, and that tells people how far it is."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """A network whose backward pass gives every process the sum of the gradients of all."""
        if self.size == 1:
            return model
        devices = None if self.device is None or self.device.type == "cpu" else [self.device]
        options: dict[str, Any] = {syncing_buffers(): False}
        wrapped = DistributedDataParallel(model, device_ids=devices, **options)
        wrapped.register_comm_hook(None, lambda _, bucket: summed(bucket.buffer()))  # no hook with annotations is taken
        return wrapped

    def share(self, batch: Batch) -> Batch:
        """Rows rank, rank + size, ... of a batch; where these are none, its first row with a label that is ignored."""
        if self.size == 1:
            return batch
        if self.rank < len(batch):
            return batch.part(self.rank, self.size)
        row = batch.part(0, len(batch))
        return replace(row, labels=torch.full_like(row.labels, IGNORED))

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over the processes, number by number; the same bits for each."""
        return self._reduced(numbers, collective.ReduceOp.SUM)

    def largest(self, numbers: Tensor) -> Tensor:
        """The largest over the processes, number by number."""
        return self._reduced(numbers, collective.ReduceOp.MAX)

    def _reduced(self, numbers: Tensor, how: collective.ReduceOp.RedOpType) -> Tensor:
        if self.size == 1:
            return numbers
        numbers = numbers.cpu().clone()
        collective.all_reduce(numbers, how)
        return numbers

    def agreed(self, wish: bool) -> bool:
        """What rank 0 wishes: clocks differ, and all have to do the same."""
        if self.size == 1:
            return wish
        said = torch.tensor([wish], dtype=torch.uint8)
        collective.broadcast(said, 0)
        return bool(said.item())

    def gathered(self, numbers: Tensor) -> list[Tensor]:
        """What each process has, in the order of the ranks; all of one shape."""
        if self.size == 1:
            return [numbers]
        found = [torch.empty_like(numbers) for _ in range(self.size)]
        collective.all_gather(found, numbers.contiguous())
        return found

    def texts(self, mine: str) -> list[str]:
        """A short text of each process."""
        data = torch.tensor(list(mine.encode()), dtype=torch.uint8)
        longest = int(self.largest(torch.tensor([len(data)])).item())
        padded = torch.cat([data, data.new_zeros(longest - len(data))])
        return [bytes(found.tolist()).rstrip(b"\0").decode() for found in self.gathered(padded)]

    def take_buffers(self, *networks: nn.Module) -> None:
        """Statistics of batch normalisation are each process's own: those of rank 0 are kept."""
        if self.size == 1:
            return
        for buffer in (buffer for network in networks for buffer in network.buffers()):
            held = buffer.detach().cpu().contiguous()
            collective.broadcast(held, 0)
            buffer.copy_(held)

    def check_same_start(self, facts: str) -> None:
        """Before the first step: every process goes on from the same checkpoint, with the same number of threads.

        Raises `ConfigRefused` where one does not.
        """
        if other := self._other(facts):
            number, theirs, first = other
            raise ConfigRefused(
                f"process 1 begins at {first}, process {number} at {theirs}",
                where="the launched processes",
                expected="the same store, PyTorch, kind of device and number of threads for every process",
                next_step="set train.threads, and give every machine the same store and environment",
            )

    def check_same_weights(self, weights: Iterable[bytes]) -> None:
        """At the end: the same weights everywhere, or a bug (`CheckBroken`), since all took the same steps."""
        if self.size > 1 and (other := self._other(hashlib.sha256(b"".join(weights)).hexdigest())):
            number, theirs, first = other
            raise CheckBroken(
                f"weights {first[:12]} in process 1, {theirs[:12]} in process {number}",
                where="the launched processes",
                expected="the same weights, since every process took the same steps",
                next_step="report it with the config; without torchrun one process trains",
            )

    def _other(self, mine: str) -> tuple[int, str, str] | None:
        """The first process, counted from 1, whose text is not that of process 1; its text, and that of process 1."""
        first, *others = self.texts(mine)
        return next(((number, text, first) for number, text in enumerate(others, start=2) if text != first), None)


ALONE = ProcessGroup()


def summed(gradients: Tensor) -> torch.futures.Future[Tensor]:
    """For DDP, which by itself takes the mean: losses are divided by the rows of the whole batch already."""
    work = collective.all_reduce(gradients, async_op=True)
    assert work is not None
    found: torch.futures.Future[Tensor] = work.get_future().then(lambda done: done.value()[0])
    return found


def syncing_buffers() -> str:
    """DDP's option that sends buffers round before each step, which `take_buffers` does once an epoch."""
    known = inspect.signature(DistributedDataParallel.__init__).parameters
    return "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # before PyTorch 2.13
