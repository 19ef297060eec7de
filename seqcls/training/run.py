"""A training in progress: where it stands, what it has learnt, when it stops.

In: an `encoded` artefact and a pipeline. Out: `Run`, epoch by epoch. Promise: a run goes on bit for bit from its
checkpoints; the wall clock decides when checkpoints are written and nothing of what is in them.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from seqcls.arrays import Integers
from seqcls.config.pipeline import Pipeline
from seqcls.config.train import TrainConfig
from seqcls.data.batch import Batch
from seqcls.data.batches import Batches
from seqcls.data.encoded_split import EncodedSplit, read_inputs
from seqcls.distributed.process_group import ALONE, ProcessGroup
from seqcls.encoders.spec import InputSpec
from seqcls.listener import SILENT, Listener, Progress
from seqcls.models.building import build_model
from seqcls.store.artefacts import Ref
from seqcls.store.failpoints import failpoint
from seqcls.training.imbalance import class_weights, loss_shift, loss_weights
from seqcls.training.learner import Learner
from seqcls.training.monitor import EpochRecord, LossSums, figures, is_better, watched
from seqcls.training.optimisation import Objective, learning_rate_at
from seqcls.training.precision import Precision
from seqcls.training.progress import Pace, Throughput
from seqcls.training.rows import check_rows

VALID_BATCH = 128  # measuring needs no gradients, so more rows fit and fewer calls are made


@dataclass(frozen=True)
class TrainingData:
    """What a network learns from, and what it is judged by."""

    inputs: InputSpec
    labels: tuple[str, ...]
    train: Batches
    valid: Batches

    @staticmethod
    def open(encoded: Ref, pipeline: Pipeline) -> TrainingData:
        """The batches of both splits; rows that nothing can be learnt from are refused."""
        config, size = pipeline.train, pipeline.train.batch_size
        inputs, labels = read_inputs(encoded.folder)
        train, valid = EncodedSplit.open(encoded, "train"), EncodedSplit.open(encoded, "valid")
        check_rows(encoded, train.labels, valid.labels, labels)
        weights = class_weights(train.labels, len(labels), config.balance_power)
        chances = weights[train.labels] if config.balance == "sampling" else None
        return TrainingData(
            inputs,
            labels,
            Batches(train, inputs, size, pipeline.seed, shuffle=True, weights=chances),
            Batches(valid, inputs, max(size, VALID_BATCH), pipeline.seed, shuffle=False),
        )

    def objective(self, config: TrainConfig, device: torch.device) -> Objective:
        """The loss, with what rare classes get by the training rows."""
        known, classes = self.train.split.labels, len(self.labels)
        weights, shift = loss_weights(config, known, classes), loss_shift(config, known, classes)
        return Objective(config.label_smoothing, weights, device, shift)


class Run:
    """A training in progress: a learner, where it stands, the best weights so far."""

    def __init__(
        self,
        encoded: Ref,
        pipeline: Pipeline,
        device: torch.device,
        folder: Path,
        listener: Listener = SILENT,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.config, self.folder, self.listener = pipeline.train, folder, listener
        self.data = TrainingData.open(encoded, pipeline)
        model = build_model(pipeline.model, self.data.inputs, len(self.data.labels)).to(device)
        objective = self.data.objective(self.config, device)
        self.learner = Learner(model, objective, pipeline, self.data.train.steps, device, group)
        self.throughput, self.pace = Throughput(), Pace(self.config.checkpoint_seconds, group.agreed)
        self.state, self.best = self.learner.resume(folder)

    @property
    def model(self) -> nn.Module:
        return self.learner.model

    @property
    def inputs(self) -> InputSpec:
        return self.data.inputs

    @property
    def labels(self) -> tuple[str, ...]:
        return self.data.labels

    @property
    def precision(self) -> Precision:
        return self.learner.precision

    @property
    def device(self) -> torch.device:
        return self.learner.device

    @property
    def finished(self) -> bool:
        return self.state.epoch >= self.config.epochs or self.state.stale >= self.config.patience

    def next_epoch(self) -> None:
        """Train an epoch (or the rest of one), measure it on validation, keep the weights if they are the best."""
        sums = self.learner.sums(self.state)
        rows_before = self.throughput.rows - sums.rows

        def after_step(batch: Batch, logits: Tensor) -> None:  # noqa: ARG001 - the training rows are not measured
            self.throughput.rows = rows_before + sums.rows
            failpoint("step_ended")
            if self.pace.is_due():
                self.tick(sums)

        self.pace.checkpoint_written()
        self.throughput.start()
        self.learner.train_epoch(self.data.train, sums, after_step)
        self.throughput.stop()
        self.end_epoch(sums.mean, *self.learner.measure(self.data.valid, self.state.epoch))

    def tick(self, sums: LossSums) -> None:
        """A few times a second: read the losses, report the progress; when it is time, write a checkpoint."""
        sums.settle()
        self.report(self.state.epoch + sums.rows / len(self.data.train.split), sums.mean)
        if self.pace.is_checkpoint_due():
            self.throughput.stop()
            self.state.step, self.state.loss_sum, self.state.rows = sums.step, sums.total, sums.rows
            self.save()
            self.throughput.start()

    def end_epoch(self, train_loss: float, valid_loss: float, predicted: Integers) -> None:
        """Write the epoch into the history, then commit it."""
        state, steps = self.state, self.data.train.steps
        rate = learning_rate_at((state.epoch + 1) * steps - 1, self.config.epochs * steps, self.config)
        state.epoch, state.step, state.loss_sum, state.rows = state.epoch + 1, 0, 0.0, 0
        measured = figures(self.data.valid.split.labels, predicted, len(self.data.labels))
        record = EpochRecord(
            epoch=state.epoch, train_loss=train_loss, valid_loss=valid_loss, learning_rate=rate, **asdict(measured)
        )
        state.history.append(record)
        value = watched(record, self.config.monitor)
        if is_better(value, state.best, self.config.monitor):
            state.best, state.best_epoch, state.stale = value, state.epoch, 0
            self.best = {name: tensor.clone() for name, tensor in self.learner.judged.state_dict().items()}
        else:
            state.stale += 1
        failpoint("epoch_ended")
        self.save()
        self.report(self.state.epoch, train_loss)

    def report(self, epochs_done: float, train_loss: float) -> None:
        self.pace.progress_told()
        best = "" if self.state.best is None else f", best {self.state.best:.4f}"
        where = f"epoch {max(math.ceil(epochs_done), 1)}/{self.config.epochs}, loss {train_loss:.4f}{best}"
        detail = f"{where}, {self.throughput.rows_per_second:.0f} rows/s"
        self.listener.progress(Progress("train", epochs_done, self.config.epochs, detail))

    def save(self) -> None:
        """Commit where the run stands; the best weights are left out while they are those judged last."""
        judged_last = self.state.step == 0 and self.state.best_epoch == self.state.epoch
        self.learner.save(self.folder, self.state, {} if judged_last else self.best)
        self.pace.checkpoint_written()
