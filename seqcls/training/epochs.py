"""The training loop, and a training in progress: where it stands, what it has learnt, when it stops.

In: an `encoded` artefact and a pipeline. Out: `Run`, epoch by epoch. Promise: `run_epoch` is the one loop, for train
and valid; a run goes on bit for bit from its checkpoints; the wall clock decides when checkpoints are written and
nothing of what is in them. In a team every process walks the same batches and computes
its share of each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from seqcls.config.pipeline import Pipeline
from seqcls.data.batch import Batch
from seqcls.data.batches import Batches
from seqcls.data.encoded_split import NO_LABEL, EncodedSplit, read_inputs
from seqcls.distributed.process_group import ALONE, Team
from seqcls.listener import SILENT, Listener, Progress
from seqcls.models.building import build_model
from seqcls.store.artefacts import Ref
from seqcls.store.failpoints import failpoint
from seqcls.training import checkpoints
from seqcls.training.averaging import WeightAverage
from seqcls.training.checkpoints import TrainingState
from seqcls.training.imbalance import class_weights, loss_shift, loss_weights
from seqcls.training.monitor import EpochRecord, Figures, LossSums, figures, is_better, watched
from seqcls.training.optimisation import Objective, Optimiser, learning_rate_at
from seqcls.training.precision import in_precision, usable_precision
from seqcls.training.rows import check_rows
from seqcls.training.seeding import random_part, random_state, seed_of, set_random_state

TICK_SECONDS = 0.25
VALID_BATCH = 128  # measuring needs no gradients, so more rows fit and fewer calls are made


def run_epoch(
    model: nn.Module,
    batches: Batches,
    objective: Objective,
    sums: LossSums,
    device: torch.device,
    optimiser: Optimiser | None,
    after_step: Callable[[Batch, Tensor], None],
    team: Team = ALONE,
) -> None:
    """One pass from step `sums.step` on; with an optimiser the network learns, without it is only measured.

    The mean over the team of size * (sum of losses of a share) / (rows of the batch) is the mean over the batch, so
    the gradients that the team exchanges are those of one process.
    """
    model.train(optimiser is not None)
    first = sums.epoch * batches.steps + sums.step
    with torch.set_grad_enabled(optimiser is not None):
        for number, batch in enumerate(batches.iterate(sums.epoch, sums.step), start=first):
            share = team.share(batch).to(device)
            logits = model(share)  # (B, K)
            loss = objective(logits, share.labels)
            if not team.has_rows(batch):
                loss = loss * 0  # the row is another's
            if optimiser is not None:
                optimiser.step(loss / (len(batch) / team.size), number)
            sums.add(loss, len(batch))
            after_step(share, logits)
    sums.settle()


class Run:
    """A training in progress: network, optimiser, where it stands, the best weights so far."""

    def __init__(
        self,
        encoded: Ref,
        pipeline: Pipeline,
        device: torch.device,
        folder: Path,
        listener: Listener = SILENT,
        team: Team = ALONE,
    ) -> None:
        self.config, self.device, self.folder, self.listener = pipeline.train, device, folder, listener
        self.team = team
        self.inputs, self.labels = read_inputs(encoded.folder)
        train_rows, valid_rows = EncodedSplit.open(encoded, "train"), EncodedSplit.open(encoded, "valid")
        check_rows(encoded, train_rows.labels, valid_rows.labels, self.labels)
        known, classes = train_rows.labels, len(self.labels)
        weights = class_weights(known, classes, self.config.balance_power)
        chances = weights[known] if self.config.balance == "sampling" else None
        size = self.config.batch_size
        self.train_batches = Batches(train_rows, self.inputs, size, pipeline.seed, shuffle=True, weights=chances)
        self.valid_batches = Batches(valid_rows, self.inputs, max(size, VALID_BATCH), pipeline.seed, shuffle=False)
        self.objective = Objective(
            self.config.label_smoothing,
            loss_weights(self.config, known, classes),
            device,
            loss_shift(self.config, known, classes),
        )
        self.model = build_model(pipeline.model, self.inputs, len(self.labels)).to(device)
        self.optimiser = Optimiser(self.model, self.config, self.config.epochs * self.train_batches.steps)
        self.average: WeightAverage | None = None
        if self.config.average == "ema":
            self.average = WeightAverage(self.model, self.config.average_half_life * self.train_batches.steps)
        self.state = TrainingState()
        self.best: dict[str, Tensor] = {}
        self.rows, self.seconds = 0, 0.0
        self.ticked = self.saved = time.perf_counter()
        if not team.is_first:
            torch.manual_seed(seed_of(pipeline.seed, team.rank))
        self.resume()
        self.precision = usable_precision(self.config.precision, device, team)
        self.learner = team.wrap(in_precision(self.model, self.precision.used, device))

    @property
    def judged(self) -> nn.Module:
        """The network that is measured and kept: with `train.average` the one that holds the average."""
        return self.model if self.average is None else self.average.network

    @property
    def finished(self) -> bool:
        return self.state.epoch >= self.config.epochs or self.state.stale >= self.config.patience

    def next_epoch(self) -> None:
        """Train an epoch (or the rest of one), measure it on validation, keep the weights if they are the best."""
        sums = LossSums(self.state.epoch, self.state.step, self.state.loss_sum, self.state.rows, self.team)
        self.saved = began = time.perf_counter()
        rows_before = sums.rows

        def after_step(batch: Batch, logits: Tensor) -> None:  # noqa: ARG001 - the training rows are not measured
            if self.average is not None:
                self.average.add(self.model)
            failpoint("step_ended")
            now = time.perf_counter()
            due = now - self.ticked >= TICK_SECONDS or now - self.saved >= self.config.checkpoint_seconds
            if self.team.agreed(due):
                self.tick(sums, now, self.rows + sums.rows - rows_before, self.seconds + now - began)

        batches, learner = self.train_batches, self.learner
        run_epoch(learner, batches, self.objective, sums, self.device, self.optimiser, after_step, self.team)
        self.team.take_buffers(self.model, self.judged)
        self.rows += sums.rows - rows_before
        self.seconds += time.perf_counter() - began
        self.end_epoch(sums.mean, *self.measure())

    def tick(self, sums: LossSums, now: float, rows: int, seconds: float) -> None:
        """A few times a second: read the losses, report the progress; when it is time, write a checkpoint."""
        sums.settle()
        self.ticked = now
        self.report(self.state.epoch + sums.rows / len(self.train_batches.split), sums.mean, rows / max(seconds, 1e-9))
        if self.team.agreed(now - self.saved >= self.config.checkpoint_seconds):
            self.state.step, self.state.loss_sum, self.state.rows = sums.step, sums.total, sums.rows
            self.save()

    def measure(self) -> tuple[float, Figures]:
        """Loss and figures of the validation split."""
        sums = LossSums(self.state.epoch, team=self.team)
        split = self.valid_batches.split
        guess = torch.full((len(split),), NO_LABEL, device=self.device)

        def after_step(batch: Batch, logits: Tensor) -> None:
            guess[batch.rows] = logits.argmax(1)

        run_epoch(self.judged, self.valid_batches, self.objective, sums, self.device, None, after_step, self.team)
        guess = self.team.largest(guess)  # rows of other processes are below every class here
        return sums.mean, figures(split.labels, guess.cpu().numpy(), len(self.labels))

    def end_epoch(self, train_loss: float, valid_loss: float, measured: Figures) -> None:
        """Write the epoch into the books, then commit them."""
        steps = self.train_batches.steps
        rate = learning_rate_at((self.state.epoch + 1) * steps - 1, self.optimiser.steps, self.config)
        self.state.epoch, self.state.step, self.state.loss_sum, self.state.rows = self.state.epoch + 1, 0, 0.0, 0
        record = EpochRecord(
            epoch=self.state.epoch, train_loss=train_loss, valid_loss=valid_loss, learning_rate=rate, **asdict(measured)
        )
        self.state.history.append(record)
        value = watched(record, self.config.monitor)
        if is_better(value, self.state.best, self.config.monitor):
            self.state.best, self.state.best_epoch, self.state.stale = value, self.state.epoch, 0
            self.best = {name: tensor.clone() for name, tensor in self.judged.state_dict().items()}
        else:
            self.state.stale += 1
        failpoint("epoch_ended")
        self.save()
        self.report(self.state.epoch, train_loss, self.rows / max(self.seconds, 1e-9))

    def report(self, epochs_done: float, train_loss: float, rows_per_second: float) -> None:
        best = "" if self.state.best is None else f", best {self.state.best:.4f}"
        where = f"epoch {max(math.ceil(epochs_done), 1)}/{self.config.epochs}, loss {train_loss:.4f}{best}"
        detail = f"{where}, {rows_per_second:.0f} rows/s"
        self.listener.progress(Progress("train", epochs_done, self.config.epochs, detail))

    def save(self) -> None:
        """Commit where the run stands; the best weights are left out while they are those judged last."""
        began = time.perf_counter()
        tensors = {f"weights/{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average/{name}": tensor for name, tensor in self.average.tensors().items()}
        if not (self.state.step == 0 and self.state.best_epoch == self.state.epoch):
            tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        tensors |= {f"optimiser/{name}": tensor for name, tensor in self.optimiser.tensors().items()}
        for name, state in random_state(self.device).items():
            tensors |= {f"{random_part(rank)}/{name}": found for rank, found in enumerate(self.team.gathered(state))}
        if self.team.is_first:
            checkpoints.write(self.folder, self.state, tensors)
        self.saved = time.perf_counter()
        self.seconds -= (self.saved - began) if self.state.step else 0.0  # within an epoch: its time is being taken

    def resume(self) -> bool:
        """Go on from the newest whole checkpoint, if there is one."""
        found = checkpoints.read_newest(self.folder)
        state = found.state if found is not None else self.state
        self.team.check_same_start(
            f"epoch {state.epoch + 1}, step {state.step + 1} of training {self.folder.name[:12]}"
        )
        if found is None:
            return False
        self.state = found.state
        self.model.load_state_dict(found.part("weights"))
        if self.average is not None:
            self.average.set_tensors(
                found.part("average"), self.state.epoch * self.train_batches.steps + self.state.step
            )
        self.best = found.part("best") or found.part("weights" if self.average is None else "average")
        if self.state.best is None:
            self.best = {}
        self.optimiser.set_tensors(found.part("optimiser"))
        set_random_state(found.part(random_part(self.team.rank)), self.device)
        return True
