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


@pytest.mark.fault(
    "N01",
    tried="a training whose bar of epochs the server does not take",
    outcome="one warning in the log; the training is not held up by asking again",
)
def test_a_bar_that_the_server_does_not_take_stands_still(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[float] = []

    def refuse(share: float, **given: object) -> None:
        asked.append(share)
        raise ConnectionError("connection refused")

    monkeypatch.setattr(train, "create_progress_artifact", refuse)
    monkeypatch.setattr(train, "get_run_logger", lambda: logging.getLogger("seqcls.test"))
    bar = train.EpochBar("pairs")
    with caplog.at_level(logging.WARNING, logger="seqcls.test"):
        for epoch in (1, 2, 3):
            bar(Step(epoch=epoch))
    assert len(asked) == 1
    assert [record.message for record in caplog.records] == [
        "the bar of epochs could not be shown (ConnectionError: connection refused); the run goes on"
    ]
