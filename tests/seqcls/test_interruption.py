"""Being told to stop: once, wherever the signal falls, also where Python cannot raise."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from seqcls.cli.interruption import AGAIN, INTERRUPTED, LAST_WORDS, STOP, Interruption


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """An ended command leaves the signals ignored; the test run must not."""
    before = {number: signal.getsignal(number) for number in STOP}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class EndsBadly:
    """Its finaliser is where the signal falls."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", STOP)
def test_a_signal_in_a_finaliser_stops_the_run_all_the_same_and_prints_nothing(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        ends = EndsBadly(number)
        del ends
        time.sleep(30)

    with pytest.raises(KeyboardInterrupt), Interruption():
        work()
    assert capfd.readouterr().err == ""


def test_a_signal_in_a_generator_that_is_thrown_away_stops_the_run() -> None:
    def read() -> Iterator[int]:
        try:
            yield 1
        finally:
            signal.raise_signal(signal.SIGINT)

    def work() -> None:
        next(read())
        time.sleep(30)

    with pytest.raises(KeyboardInterrupt), Interruption():
        work()


def test_a_signal_does_not_fall_between_the_finaliser_and_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine: the main thread goes on long after the next try was due."""
    start = threading.Thread.start

    def start_slowly(thread: threading.Thread) -> None:
        start(thread)
        time.sleep(10 * AGAIN)

    def work() -> None:
        ends = EndsBadly(signal.SIGINT)
        del ends
        time.sleep(30)

    monkeypatch.setattr(threading.Thread, "start", start_slowly)
    with pytest.raises(KeyboardInterrupt), Interruption():
        work()


def test_only_the_first_signal_is_raised() -> None:
    steps = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in STOP:
                signal.raise_signal(number)
            steps.append("cleaned up")

    with pytest.raises(KeyboardInterrupt), Interruption():
        work()
    assert steps == ["cleaned up"]
    assert [signal.getsignal(number) for number in STOP] == [signal.SIG_IGN, signal.SIG_IGN]


def test_without_a_signal_the_handlers_are_those_of_before() -> None:
    before = [signal.getsignal(number) for number in STOP]
    with Interruption():
        assert [signal.getsignal(number) for number in STOP] != before
    assert [signal.getsignal(number) for number in STOP] == before


def test_what_the_parent_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interruption():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_errors_of_finalisers_are_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: shown.append(str(found.exc_value)))

    class Broken:
        def __del__(self) -> None:
            raise ValueError("a finaliser fails")

    with Interruption():
        broken = Broken()
        del broken
    assert shown == ["a finaliser fails"]


COMPUTES_FOR_HOURS = """
import hashlib
from seqcls.cli import interruption

interruption.PATIENCE = 0.2
with interruption.Interruption():
    while True:
        try:
            print("begins", flush=True)
            hashlib.pbkdf2_hmac("sha256", b"one call of a library", b"", 2**31 - 1)
        except KeyboardInterrupt:  # before the call had begun
            pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", STOP)
def test_a_call_that_cannot_be_interrupted_does_not_outlast_the_patience(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMPUTES_FOR_HOURS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (INTERRUPTED, f"{LAST_WORDS}\n")
