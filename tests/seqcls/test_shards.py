"""Writing behind: the shards hold every row in order, errors of the other thread reach the caller, none stays."""

from __future__ import annotations

import errno
import signal
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.store import parquet
from seqcls.store.background import WriteBehind
from seqcls.store.packing import BYTES
from seqcls.store.parquet import Codec, ShardWriter, iterate, read_parquet, shards
from tests.seqcls.table_examples import codec_of

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("source_row", pa.int64(), nullable=False)])


def rows(start: int, count: int) -> pa.Table:
    numbers = pa.array(range(start, start + count), pa.int64())
    return pa.table({"id": numbers.cast(pa.string()), "source_row": numbers}, schema=SCHEMA)


def threads_behind() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("behind")]


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_BATCH", 100)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("sizes", [[], [0], [1], [100], [60, 60, 60], [250, 1, 99, 100, 7]])
def test_every_row_is_written_once_and_in_order(tmp_path: Path, sizes: list[int]) -> None:
    with ShardWriter(tmp_path, SCHEMA, rows_per_shard=200) as writer:
        for number, size in enumerate(sizes):
            writer.write(rows(sum(sizes[:number]), size))
    assert writer.rows == sum(sizes)
    assert read_parquet(shards(tmp_path)) == rows(0, sum(sizes))
    assert all(pq.read_metadata(part).num_rows < 200 + max(sizes, default=0) for part in shards(tmp_path))
    assert threads_behind() == []


@pytest.mark.usefixtures("small_groups")
def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with ShardWriter(tmp_path / name, SCHEMA, rows_per_shard=300) as writer:
            for start in range(0, 1_000, 50):
                writer.write(rows(start, 50))
    assert len(shards(tmp_path / "one")) == 4
    for one, two in zip(shards(tmp_path / "one"), shards(tmp_path / "two"), strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_a_small_table_starts_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", None)
    with ShardWriter(tmp_path, SCHEMA) as writer:
        writer.write(rows(0, 10))
    assert read_parquet(shards(tmp_path)).num_rows == 10


def write_groups(folder: Path, groups: int, then: BaseException | None = None) -> None:
    """Groups of 100 rows, and then perhaps an error of the caller."""
    with ShardWriter(folder, SCHEMA) as writer:
        for start in range(0, 100 * groups, 100):
            writer.write(rows(start, 100))
        if then:
            raise then


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fails after the first group; the list says how often a group was written."""
    written: list[str] = []

    def full(name: str) -> None:
        written.append(name)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet, "failpoint", full)
    return written


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("groups", [1, 2, 100])
def test_a_full_disk_under_the_other_thread_reaches_the_caller(
    tmp_path: Path, full_disk: list[str], groups: int
) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_groups(tmp_path, groups)
    assert len(full_disk) == 1, "nothing is written after what failed"
    assert threads_behind() == []


@pytest.mark.usefixtures("small_groups", "full_disk")
def test_what_failed_first_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as told:
        write_groups(tmp_path, 1, then=ValueError("a row after it"))
    assert isinstance(told.value.__context__, ValueError)
    with pytest.raises(KeyboardInterrupt):
        write_groups(tmp_path, 1, then=KeyboardInterrupt())
    assert threads_behind() == []


@pytest.mark.usefixtures("small_groups")
def test_whoever_breaks_off_leaves_no_thread_writing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_groups(tmp_path, 10, then=KeyboardInterrupt())
    assert threads_behind() == []
    assert sum(table.num_rows for table in iterate(shards(tmp_path))) == 1_000, "what was handed over is whole"


def write_and_wait(folder: Path, shared: bool) -> None:
    """The alarm comes within the wait for the group, at the end of the block."""
    with WriteBehind() as behind, ShardWriter(folder, SCHEMA, behind=behind if shared else None) as writer:
        writer.write(rows(0, 100))
        signal.setitimer(signal.ITIMER_REAL, 0.1)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("shared", [False, True])
def test_an_interrupt_while_the_last_group_is_written_closes_the_file_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """Closed beneath the thread that writes, Arrow ends the process with a segmentation fault."""
    events: list[str] = []

    def slow(_name: str) -> None:
        events.append("group begins")
        time.sleep(0.4)
        events.append("group ends")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    close = pq.ParquetWriter.close
    monkeypatch.setattr(parquet, "failpoint", slow)
    monkeypatch.setattr(pq.ParquetWriter, "close", lambda writer: (events.append("file closed"), close(writer)))
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_and_wait(tmp_path, shared)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert events == ["group begins", "group ends", "file closed"]
    assert threads_behind() == []


@pytest.mark.parametrize("sequence", [pa.string(), BYTES, pa.list_(pa.int32()), pa.list_(pa.list_(pa.float32()))])
@pytest.mark.parametrize(("wanted", "codec"), [("lz4", "LZ4"), ("none", "UNCOMPRESSED")])
def test_sequences_are_packed_lightly_or_not_at_all(
    tmp_path: Path, sequence: pa.DataType, wanted: Codec, codec: str
) -> None:
    schema = pa.schema(
        [pa.field("id", pa.string()), pa.field("sequence", sequence), pa.field("rules", pa.list_(pa.string()))]
    )
    with ShardWriter(tmp_path, schema, sequences=wanted) as writer:
        writer.write(pa.table({"id": ["a"], "sequence": pa.nulls(1, sequence), "rules": [["a"]]}, schema=schema))
    assert [codec_of(shards(tmp_path)[0], name) for name in schema.names] == ["ZSTD", codec, "ZSTD"]
