"""The processes that train one network together: which rows of a batch are mine, and what we tell each other.

In: batches that every process walks in the same order. Out: this process's rows of them, and sums over all processes.
Promise: every process takes the same decisions, since it takes them from the same numbers, or rank 0 takes them; only
numbers pass between processes, never objects (which would be pickles). A process alone is a team of one, and does
exactly what it would do without a team. Synchronous data parallelism: Goyal et al. 2017, section 2.1; the exchange of
gradients is PyTorch's (Li et al. 2020, "PyTorch Distributed"), set up by Lightning Fabric (seqcls/training/joining.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import torch
import torch.distributed as collective
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.errors import CheckBroken, ConfigRefused

Wrap = Callable[[nn.Module], nn.Module]


class Team:
    """`rank` counts from 0; what is exchanged lies in the processor's memory, also where the network is on a GPU."""

    def __init__(self, rank: int = 0, size: int = 1, device: torch.device | None = None, wrap: Wrap | None = None):
        self.rank, self.size, self.device, self._wrap = rank, size, device, wrap

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes, and that tells people how far it is."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """A network whose backward pass gives every process the mean of the gradients of all."""
        return model if self._wrap is None else self._wrap(model)

    def has_rows(self, batch: Batch) -> bool:
        """Whether any row of a batch is this process's; of a small last batch there may be none."""
        return self.rank < len(batch)

    def share(self, batch: Batch) -> Batch:
        """Rows rank, rank + size, ... of a batch; without any its first row, for which no loss may be counted."""
        if self.size == 1:
            return batch
        return batch.part(self.rank, self.size) if self.has_rows(batch) else batch.part(0, len(batch))

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
        """Before the first step: every process goes on from the same checkpoint, with the same number of threads."""
        if other := self._other(facts):
            number, theirs, first = other
            raise ConfigRefused(
                f"process 1 begins at {first}, process {number} at {theirs}",
                where="train.processes",
                expected="the same store, PyTorch, kind of device and number of threads for every process",
                next_step="set train.threads, and give every machine the same store and environment",
            )

    def check_same_weights(self, weights: Iterable[bytes]) -> None:
        """At the end: the same weights everywhere, or a bug, since all took the same steps."""
        if other := self._other(hashlib.sha256(b"".join(weights)).hexdigest()):
            number, theirs, first = other
            raise CheckBroken(
                f"weights {first[:12]} in process 1, {theirs[:12]} in process {number}",
                where="train.processes",
                expected="the same weights, since every process took the same steps",
                next_step="report it with the config; train.processes = 1 trains without it",
            )

    def _other(self, mine: str) -> tuple[int, str, str] | None:
        """The first process, counted from 1, whose text is not that of process 1; its text, and that of process 1."""
        first, *others = self.texts(mine)
        return next(((number, text, first) for number, text in enumerate(others, start=2) if text != first), None)


ALONE = Team()
