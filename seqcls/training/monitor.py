"""What is measured while training runs: losses and the figures of the validation split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from seqcls.arrays import Integers
from seqcls.distributed.process_group import ALONE, Team
from seqcls.errors import DataRefused


class EpochRecord(BaseModel):
    """One line of history.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: int
    train_loss: float
    valid_loss: float
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    learning_rate: float


@dataclass(frozen=True)
class Figures:
    accuracy: float
    balanced_accuracy: float
    macro_f1: float


def figures(labels: Integers, predictions: Integers, classes: int) -> Figures:
    """Accuracy; mean recall over classes that occur; mean F1 over classes that occur or are predicted."""
    hits = np.bincount(labels[labels == predictions], minlength=classes)
    actual, predicted = np.bincount(labels, minlength=classes), np.bincount(predictions, minlength=classes)
    either = actual + predicted > 0
    return Figures(
        accuracy=float(hits.sum() / len(labels)),
        balanced_accuracy=float((hits[actual > 0] / actual[actual > 0]).mean()),
        macro_f1=float((2 * hits[either] / (actual + predicted)[either]).mean()),
    )


class LossSums:
    """Losses of an epoch, added in the order of the steps, so that a resumed epoch adds up to the same bits.

    They are those of all rows: a team's processes add up what each has of its share.
    """

    def __init__(self, epoch: int, step: int = 0, total: float = 0.0, rows: int = 0, team: Team = ALONE) -> None:
        self.epoch, self.step, self.total, self.rows, self.team = epoch, step, total, rows, team
        self._waiting: list[Tensor] = []

    @property
    def mean(self) -> float:
        return self.total / max(self.rows, 1)

    def add(self, loss: Tensor, rows: int) -> None:
        """`loss` is the sum over this process's rows of a step; not read yet, since reading waits for a GPU."""
        self._waiting.append(loss.detach())
        self.rows += rows

    def settle(self) -> None:
        """Read the waiting losses, which a team does together; NaN or infinity ends the run."""
        if not self._waiting:
            return
        for loss in self.team.total(torch.stack(self._waiting).double()).tolist():
            self.step += 1
            self.total += loss
            if not np.isfinite(loss):
                raise DataRefused(
                    f"the loss is {loss}",
                    where=f"epoch {self.epoch + 1}, step {self.step}",
                    expected="a finite number",
                    next_step="lower train.learning_rate or train.clip, or set encode.normalise if values are huge",
                )
        self._waiting.clear()


def watched(record: EpochRecord, monitor: str) -> float:
    """The figure of an epoch that `train.monitor` names."""
    value: float = record.valid_loss if monitor == "loss" else getattr(record, monitor)
    return value


def is_better(value: float, best: float | None, monitor: str) -> bool:
    """Strictly better: of equal epochs the first is kept."""
    return best is None or (value < best if monitor == "loss" else value > best)
