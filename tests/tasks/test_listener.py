"""A long training in the UI: a line in the log every half a minute, and a bar that moves after each epoch."""

from __future__ import annotations

import logging
from uuid import UUID, uuid4

import pytest

from seqcls.listener import Progress
from seqcls_tasks import listener
from seqcls_tasks.listener import TrainingLog

BAR = uuid4()


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Percentages that the server was asked to show."""
    asked: list[float] = []

    def create(percent: float, *, key: str, description: str) -> UUID:
        assert (key, description) == ("pairs-epochs", "Epochs, of the most allowed")
        asked.append(percent)
        return BAR

    def update(bar: UUID, percent: float) -> None:
        assert bar == BAR
        asked.append(percent)

    monkeypatch.setattr(listener, "create_progress_artifact", create)
    monkeypatch.setattr(listener, "update_progress_artifact", update)
    monkeypatch.setattr(listener, "get_run_logger", lambda: logging.getLogger("seqcls.test"))
    return asked


def step(done: float, trial: str = "") -> Progress:
    return Progress("train", done, 8, "loss 0.5000, 80 rows/s", trial)


def test_a_long_training_writes_a_line_every_half_a_minute(
    bars: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [100.0]
    monkeypatch.setattr(listener.time, "monotonic", lambda: clock[0])
    log = TrainingLog("pairs")
    with caplog.at_level(logging.INFO, logger="seqcls.test"):
        for seconds in (1, 28, 2, 15, 16):
            clock[0] += seconds
            log.progress(step(1.2, "gru, fold 1 of 5"))
    assert [record.message for record in caplog.records] == ["gru, fold 1 of 5: loss 0.5000, 80 rows/s (15%)"] * 2
    assert not bars, "the bar is of the model, not of trials"


def test_the_bar_moves_once_an_epoch(bars: list[float]) -> None:
    log = TrainingLog("pairs")
    for done in (0.1, 0.6, 1, 1.5, 2, 2.5, 8):
        log.progress(step(done))
    assert bars == [0.0, 12.5, 25.0, 100.0]


def test_stages_and_notes_are_lines_and_the_notes_are_kept(bars: list[float], caplog: pytest.LogCaptureFixture) -> None:
    log = TrainingLog("pairs")
    with caplog.at_level(logging.INFO, logger="seqcls.test"):
        log.note("goes on from epoch 3")
        log.stage("train", "12.0 s")
    assert [record.message for record in caplog.records] == ["goes on from epoch 3", "train: 12.0 s"]
    assert (log.notes, bars) == (["goes on from epoch 3"], [])


@pytest.mark.fault(
    "N01",
    tried="a training whose bar of epochs the server does not take",
    outcome="one warning in the log; the training is not held up by asking again",
)
def test_a_bar_that_the_server_does_not_take_stands_still(
    bars: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(percent: float, **given: object) -> UUID:
        bars.append(percent)
        raise ConnectionError("connection refused")

    monkeypatch.setattr(listener, "create_progress_artifact", refuse)
    log = TrainingLog("pairs")
    with caplog.at_level(logging.WARNING, logger="seqcls.test"):
        for done in (1, 2, 3):
            log.progress(step(done))
    assert len(bars) == 1
    assert [record.message for record in caplog.records] == [
        "the bar of epochs could not be shown (ConnectionError: connection refused); the run goes on"
    ]
