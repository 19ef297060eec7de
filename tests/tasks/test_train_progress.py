"""A long training in the UI: a line in the log every half a minute, not one for every step."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import pytest

from tasks import train


@dataclass(frozen=True)
class Step:
    """What training reports, as far as the log shows it."""

    epoch: int = 2
    epochs: int = 9
    rows_done: int = 64
    rows_total: int = 417
    rows_per_second: float = 80.0
    train_loss: float = 0.5
    trial: str = ""


def test_a_long_training_writes_a_line_every_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [100.0]
    monkeypatch.setattr(train.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(train, "get_run_logger", lambda: logging.getLogger("seqcls.test"))
    bar = train.EpochBar("pairs")
    bar.epoch = 2  # within the epoch: the artifact does not move
    with caplog.at_level(logging.INFO, logger="seqcls.test"):
        for seconds in (1, 28, 2, 15, 16):
            clock[0] += seconds
            bar(Step())
    assert [record.message for record in caplog.records] == [
        "epoch 2 of at most 9, 64 of 417 rows, loss 0.5000, 80 rows/s"
    ] * 2


def test_a_fit_without_epochs_has_none_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(train, "get_run_logger", lambda: logging.getLogger("seqcls.test"))
    bar = train.EpochBar("pairs")
    bar.epoch = 1  # within the fit: the artifact does not move
    with caplog.at_level(logging.INFO, logger="seqcls.test"):
        bar(Step(epoch=1, epochs=1, train_loss=math.nan))
    assert [record.message for record in caplog.records] == ["being fitted, 64 of 417 rows, 80 rows/s"]
