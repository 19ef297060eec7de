"""Reading ahead: the same items in the same order, few at a time, and nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqcls.errors import DataRefused
from seqcls.sources import blocks
from seqcls.store.background import DEPTH, prefetch
from tests.seqcls.reading_files import read


class Source:
    """Counts what was asked of it, and knows whether it was closed."""

    def __init__(self, items: int, fails_at: int | None = None) -> None:
        self.items, self.fails_at = items, fails_at
        self.made = 0
        self.is_closed = False
        self.threads: set[str] = set()

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(self.items):
                if number == self.fails_at:
                    raise ValueError(f"item {number}")
                self.made += 1
                self.threads.add(threading.current_thread().name)
                yield number
        finally:
            self.is_closed = True


def threads_ahead() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("items", [0, 1, DEPTH, 50])
def test_all_items_come_in_order_from_another_thread(items: int) -> None:
    source = Source(items)
    assert list(prefetch(iter(source))) == list(range(items))
    assert threading.current_thread().name not in source.threads
    assert threads_ahead() == []


def test_an_error_comes_in_the_place_of_its_item() -> None:
    reader = prefetch(iter(Source(50, fails_at=3)))
    assert [next(reader) for _ in range(3)] == [0, 1, 2]
    assert threads_ahead() == ["prefetch_0"]
    with pytest.raises(ValueError, match="item 3"):
        next(reader)
    assert threads_ahead() == []


def test_a_file_without_the_column_leaves_no_thread_while_the_error_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    (tmp_path / "rows.csv").write_text("text,label\n" + "so so,a\n" * 1_000)
    with pytest.raises(DataRefused, match="sequence") as told:
        read(tmp_path, format="csv", files=["rows.csv"], sequence="sequence")
    assert told.tb is not None, "the frames that read are still there"
    assert threads_ahead() == []


def test_no_more_than_a_few_items_are_made_before_they_are_wanted() -> None:
    source = Source(50)
    reader = prefetch(iter(source))
    for number in range(10):
        assert next(reader) == number
        assert source.made <= number + 1 + DEPTH
    reader.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_whoever_stops_early_leaves_no_thread_and_a_closed_source(taken: int) -> None:
    source = Source(50)
    reader = prefetch(iter(source))
    for _ in range(taken):
        next(reader)
    del reader
    assert threads_ahead() == []
    assert source.is_closed == (taken > 0), "a source that was never asked has nothing to close"


def test_an_error_of_the_caller_ends_the_reading() -> None:
    source = Source(50)

    def break_off() -> None:
        for number in prefetch(iter(source)):
            if number == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert threads_ahead() == []
    assert source.is_closed
