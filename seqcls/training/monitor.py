"""What is measured while training runs: losses, and the figures of the validation split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from seqcls.arrays import Integers
from seqcls.data.class_counts import count_classes, count_figures
from seqcls.distributed.process_group import ALONE
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
    """(N,), (N,) -> what is watched of a split."""
    found = count_figures(*count_classes(labels, predictions, classes))
    return Figures(*(float(found[field.name]) for field in fields(Figures)))


class LossSums:
    """Losses of an epoch, added in the order of the steps, so that a resumed epoch adds up to the same bits.

    `add_up` makes of the losses of each step in this process those of all that share the step.
    """

    def __init__(
        self, epoch: int, step: int = 0, total: float = 0.0, rows: int = 0,
        add_up: Callable[[Tensor], Tensor] = ALONE.total,
    ) -> None:  # fmt: skip
        self.epoch, self.step, self.total, self.rows, self.add_up = epoch, step, total, rows, add_up
        self._waiting: list[Tensor] = []

    @property
    def mean(self) -> float:
        return self.total / max(self.rows, 1)

    def add(self, loss: Tensor, rows: int) -> None:
        """`loss` is the sum over a batch; not read yet, since reading waits for a GPU. `rows`: of the whole step."""
        self._waiting.append(loss.detach())
        self.rows += rows

    def settle(self) -> None:
        """Read the waiting losses; NaN or infinity ends the run with `DataRefused`."""
        if not self._waiting:
            return
        for loss in self.add_up(torch.stack(self._waiting).double()).tolist():
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
