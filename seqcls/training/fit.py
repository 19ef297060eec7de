"""A fit in progress: to `train` it looks like a run of one epoch.

In: an `encoded` artefact and a pipeline whose family is a `FittedNetwork`. Out: `Fit`, with the attributes of `Run`
that a model artefact is made from. Promise: nothing is kept between tries, a killed fit simply starts again and gives
the same bits; the one record of its history has the losses and figures that an epoch has. Without validation rows
(split.valid = 0) those figures are of training rows, each judged by a fit without it. Where a family gives such
held-out answers, a temperature fitted on them (Guo et al. 2017) turns its decisions into probabilities.
"""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from seqcls.arrays import Floats, Integers
from seqcls.config.pipeline import Pipeline
from seqcls.data.encoded_split import EncodedSplit, read_inputs
from seqcls.distributed.process_group import ALONE
from seqcls.encoders.pretrained import COPY
from seqcls.errors import DataRefused
from seqcls.listener import Listener, Progress
from seqcls.models.building import build_model
from seqcls.models.fitted import FitRecord, FitRows, FittedNetwork
from seqcls.models.network import BothStrands
from seqcls.models.package import run_network
from seqcls.store.artefacts import Ref
from seqcls.store.failpoints import failpoint
from seqcls.training.checkpoints import TrainingState
from seqcls.training.imbalance import class_weights
from seqcls.training.monitor import EpochRecord, figures
from seqcls.training.precision import Precision
from seqcls.training.progress import Pace, Throughput
from seqcls.training.rows import check_rows
from seqcls.training.run import VALID_BATCH
from seqcls.training.temperature import fit_temperature


class Fit:
    """Everything that a family learns, learnt in one call; `next_epoch` is called once."""

    def __init__(self, encoded: Ref, pipeline: Pipeline, device: torch.device, listener: Listener) -> None:
        self.pretrained = encoded.folder / COPY if (encoded.folder / COPY).is_dir() else None
        self.config, self.device, self.listener, self.seed = pipeline.train, device, listener, pipeline.seed
        self.inputs, self.labels = read_inputs(encoded.folder)
        self.train_rows, self.valid_rows = EncodedSplit.open(encoded, "train"), EncodedSplit.open(encoded, "valid")
        self.model = build_model(pipeline.model, self.inputs, len(self.labels)).to(device)
        self.network = self.model.network if isinstance(self.model, BothStrands) else self.model
        assert isinstance(self.network, FittedNetwork)
        needs_none = self.network.holds_out and not len(self.valid_rows)
        judged = self.train_rows if needs_none else self.valid_rows
        check_rows(encoded, self.train_rows.labels, judged.labels, self.labels)
        self.weights = self.class_weights()
        self.state, self.precision = TrainingState(), Precision()
        self.best: dict[str, Tensor] = {}
        self.throughput, self.pace = Throughput(), Pace(math.inf, ALONE.agreed)

    def class_weights(self) -> Floats:
        """(K,): what `train.balance = "weights"` gives the classes; 1 otherwise."""
        if self.config.balance != "weights":
            return np.ones(len(self.labels))
        return class_weights(self.train_rows.labels, len(self.labels), self.config.balance_power)

    @property
    def finished(self) -> bool:
        return bool(self.state.history)

    def next_epoch(self) -> None:
        """Fit, measure, keep."""
        self.throughput.start()
        with torch.inference_mode():
            found = self.fit()
        self.throughput.stop()
        self.throughput.rows = len(self.train_rows)
        self.model.eval()
        self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.check_finite()
        record = self.measure(found)
        failpoint("epoch_ended")
        self.state = TrainingState(epoch=1, best=record.valid_loss, best_epoch=1, history=[record])
        self.report(1.0, f"fitted, loss {record.valid_loss:.4f}")

    def fit(self) -> FitRecord:
        """Fit the network, and turn its decisions into probabilities by what it says of rows held out."""
        assert isinstance(self.network, FittedNetwork)
        known = self.train_rows.labels
        rows, weights = (self.train_rows, self.valid_rows), self.weights[known]
        found = self.network.fit(FitRows(*rows, self.inputs, weights, self.seed, self.pretrained, _Steps(self)))
        if found.held_out is None:
            return found
        temperature = fit_temperature(found.held_out, known[found.rows])
        self.network.scale_logits(temperature)
        return FitRecord(found.rows, found.logits / temperature, found.held_out / temperature)

    def check_finite(self) -> None:
        """A network that would give no numbers ends the run here."""
        wrong = sorted(name for name, tensor in self.best.items() if not tensor.isfinite().all())
        if wrong:
            raise DataRefused(
                f"the fit gave values that are not finite ({', '.join(wrong)})",
                where="model.family",
                expected="finite numbers",
                next_step="set encode.normalise if values are huge, or look for extreme values in the training rows",
            )

    def measure(self, found: FitRecord) -> EpochRecord:
        """Losses and figures: of validation, or of held-out training rows where there is none."""
        known = self.train_rows.labels[found.rows]
        logits, truth = found.held_out, known
        if len(self.valid_rows):
            logits = run_network(self.model, self.valid_rows, self.inputs, len(self.labels), VALID_BATCH)
            truth = self.valid_rows.labels
        assert logits is not None, "a family that holds out rows gives their logits"
        measured = figures(truth, logits.argmax(1), len(self.labels))
        train_loss, valid_loss = self.mean_loss(found.logits, known), self.mean_loss(logits, truth)
        return EpochRecord(epoch=1, train_loss=train_loss, valid_loss=valid_loss, learning_rate=0.0, **asdict(measured))

    def mean_loss(self, logits: npt.NDArray[np.float32], labels: Integers) -> float:
        """Cross-entropy, mean over rows, each counted with the weight of its class."""
        losses = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), reduction="none").double().numpy()
        return float((losses * self.weights[labels]).mean())

    def step(self, share: float) -> None:
        """From within a fit: the share that is done, shown a few times a second."""
        failpoint("step_ended")
        if self.pace.is_due():
            self.pace.progress_told()
            self.report(share, "being fitted")

    def report(self, share: float, what: str) -> None:
        speed = share * len(self.train_rows) / max(self.throughput.seconds, 1e-9)
        self.listener.progress(Progress("train", share, 1.0, f"{what}, {speed:.0f} rows/s"))


class _Steps(Listener):
    """Hears from a family how far its fit has come, in the family's own unit."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def progress(self, at: Progress) -> None:
        self._fit.step(at.done / max(at.total, 1.0))
