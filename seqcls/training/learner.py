"""The training loop, and the learner that goes through it: network, optimiser, averaged weights, precision, processes.

In: a network and `TrainConfig`. Out: epochs of training and of measuring, and checkpoints. Promise: loss and figures of
an epoch are means over rows, however the rows fall into batches; a checkpoint holds all that the next step depends on;
one process does what it would do if there were no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from seqcls.arrays import Integers
from seqcls.config.pipeline import Pipeline
from seqcls.data.batch import Batch
from seqcls.data.batches import Batches
from seqcls.data.encoded_split import NO_LABEL
from seqcls.distributed.process_group import ALONE, ProcessGroup
from seqcls.training import checkpoints
from seqcls.training.averaging import WeightAverage
from seqcls.training.checkpoints import TrainingState
from seqcls.training.monitor import LossSums
from seqcls.training.optimisation import Objective, Optimiser
from seqcls.training.precision import in_precision, usable_precision
from seqcls.training.seeding import random_part, random_state, seed_of, set_random_state

AfterStep = Callable[[Batch, Tensor], None]
"""Called with a batch and its logits (B, K)."""


def run_epoch(
    network: nn.Module,
    batches: Iterable[tuple[Batch, int]],
    objective: Objective,
    optimiser: Optimiser | None,
    sums: LossSums,
    after_step: AfterStep,
) -> None:
    """One pass; with an optimiser the network learns, without one it is only measured.

    `batches` come with the rows that the loss of a step is divided by: those of the batch, or of the whole batch where
    several processes share it. Raises `DataRefused` where a loss is not finite.
    """
    network.train(optimiser is not None)
    with torch.set_grad_enabled(optimiser is not None):
        for batch, rows in batches:
            logits = network(batch)  # (B, K)
            loss = objective(logits, batch.labels)  # summed over the batch
            if optimiser is not None:
                optimiser.zero_grad()
                (loss / rows).backward()  # type: ignore[no-untyped-call]
                optimiser.clip()
                optimiser.step()
            sums.add(loss, rows)
            after_step(batch, logits)
    sums.settle()


class Learner:
    """`model` has the weights; `network` is called in training: the same in its precision, shared by the processes."""

    def __init__(
        self, model: nn.Module, objective: Objective, pipeline: Pipeline, steps: int, device: torch.device,
        group: ProcessGroup = ALONE,
    ) -> None:  # fmt: skip
        """`steps` are those of an epoch."""
        config = pipeline.train
        self.model, self.objective, self.steps, self.device, self.group = model, objective, steps, device, group
        self.optimiser = Optimiser(model, config, config.epochs * steps)
        self.average = WeightAverage(model, config.average_half_life * steps) if config.average == "ema" else None
        self.precision = usable_precision(config.precision, device, group)
        self.network = group.wrap(in_precision(model, self.precision.used, device))
        if not group.is_first:
            # All have drawn the same weights; from here on each draws dropout for its own rows.
            torch.manual_seed(seed_of(pipeline.seed, group.rank))

    @property
    def judged(self) -> nn.Module:
        """The network that is measured and kept: with `train.average` the one that holds the average."""
        return self.model if self.average is None else self.average.network

    def train_epoch(self, batches: Batches, sums: LossSums, after_step: AfterStep) -> None:
        """The rest of an epoch, from the step on at which `sums` stand."""

        def after(batch: Batch, logits: Tensor) -> None:
            if self.average is not None:
                self.average.add(self.model)
            after_step(batch, logits)

        shares = self._shares(batches, sums.epoch, sums.step)
        run_epoch(self.network, shares, self.objective, self.optimiser, sums, after)
        self.group.take_buffers(self.model, self.judged)

    def measure(self, batches: Batches, epoch: int) -> tuple[float, Integers]:
        """Mean loss and predicted classes (N,) of a split, by the network that would be kept."""
        sums = self.sums(TrainingState(epoch=epoch))
        predicted = torch.full((len(batches.split),), NO_LABEL, device=self.device)

        def note_predictions(batch: Batch, logits: Tensor) -> None:
            predicted[batch.rows] = logits.argmax(1)

        run_epoch(self.judged, self._shares(batches, epoch), self.objective, None, sums, note_predictions)
        # Rows of other processes have no label here, which is below every class.
        return sums.mean, self.group.largest(predicted).cpu().numpy()

    def sums(self, state: TrainingState) -> LossSums:
        """Losses of the epoch that a state is in, added over the processes."""
        return LossSums(state.epoch, state.step, state.loss_sum, state.rows, self.group.total)

    def _shares(self, batches: Batches, epoch: int, step: int = 0) -> Iterator[tuple[Batch, int]]:
        """This process's rows of each batch, and the rows of the whole batch."""
        for batch in batches.iterate(epoch, step):
            yield self.group.share(batch).to(self.device), len(batch)

    def save(self, folder: Path, state: TrainingState, best: dict[str, Tensor]) -> None:
        """Commit a checkpoint; rank 0 writes what all have drawn."""
        parts = {"weights": self.model.state_dict(), "best": best, "optimiser": self.optimiser.tensors()}
        if self.average is not None:
            parts["average"] = self.average.tensors()
        for name, drawn in random_state(self.device).items():
            for rank, one in enumerate(self.group.gathered(drawn)):
                parts.setdefault(random_part(rank), {})[name] = one
        if self.group.is_first:
            tensors = {f"{part}/{name}": one for part, found in parts.items() for name, one in found.items()}
            checkpoints.write(folder, state, tensors)

    def resume(self, folder: Path) -> tuple[TrainingState, dict[str, Tensor]]:
        """Where the newest whole checkpoint stands, and the best weights so far; without one the beginning."""
        found = checkpoints.read_newest(folder)
        state = TrainingState() if found is None else found.state
        self.group.check_same_start(f"epoch {state.epoch + 1}, step {state.step + 1} of training {folder.name[:12]}")
        if found is None:
            return state, {}
        done = state.epoch * self.steps + state.step
        self.model.load_state_dict(found.part("weights"))
        if self.average is not None:
            self.average.set_tensors(found.part("average"), done)
        self.optimiser.set_tensors(found.part("optimiser"), done)
        set_random_state(found.part(random_part(self.group.rank)), self.device)
        if state.best is None:
            return state, {}
        # The best weights are left out of a checkpoint where they are those judged last.
        return state, found.part("best") or found.part("weights" if self.average is None else "average")
