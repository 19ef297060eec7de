"""Chunks of an input: the same rows in the same order, whatever files they lie in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.errors import WorldFailed
from seqcls.scoring.chunks import cut_chunks, read_ahead
from seqcls.store import parquet
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.table import table_schema
from tests.seqcls.table_examples import make_rows


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path)


def write_checked(store: ArtefactStore, shards: list[int]) -> Ref:
    """A `checked` artefact whose files hold so many rows each; ids r1, r2, ... run through."""
    rows = make_rows("text", [f"text {row}" for row in range(sum(shards))])
    with store.write("checked") as draft:
        (draft.folder / "rows").mkdir()
        for number, size in enumerate(shards):
            start = sum(shards[:number])
            parquet.write_parquet(draft.folder / "rows" / f"part-{number:05d}.parquet", rows.slice(start, size))
    return draft.ref


def test_an_input_without_rows_is_one_empty_chunk(store: ArtefactStore) -> None:
    [(number, rows)] = cut_chunks(write_checked(store, [0]), 10)
    assert (number, rows.num_rows, rows.schema) == (0, 0, table_schema("text"))


def test_what_one_file_leaves_over_begins_the_next_chunk(store: ArtefactStore) -> None:
    chunks = [rows["id"].to_pylist() for _, rows in cut_chunks(write_checked(store, [3, 3, 1]), 2)]
    assert chunks == [["r1", "r2"], ["r3", "r4"], ["r5", "r6"], ["r7"]]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(shards=st.lists(st.integers(0, 9), min_size=1, max_size=5), chunk_rows=st.integers(1, 12))
def test_no_row_is_lost_doubled_or_moved_by_cutting(
    tmp_path_factory: pytest.TempPathFactory, shards: list[int], chunk_rows: int
) -> None:
    checked = write_checked(ArtefactStore(tmp_path_factory.mktemp("store")), shards)
    chunks = list(cut_chunks(checked, chunk_rows))
    ids = [name for _, rows in chunks for name in rows["id"].to_pylist()]
    assert ids == [f"r{row + 1}" for row in range(sum(shards))]
    assert [number for number, _ in chunks] == list(range(len(chunks)))
    assert all(rows.num_rows == chunk_rows for _, rows in chunks[:-1])


def test_the_next_chunk_is_read_while_one_is_scored_and_no_more_than_that(store: ArtefactStore) -> None:
    second, numbers = threading.Event(), []

    def read() -> Iterator[tuple[int, pa.Table]]:
        for chunk in cut_chunks(write_checked(store, [4]), 1):
            numbers.append(chunk[0])
            if len(numbers) == 2:
                second.set()
            yield chunk

    with closing(read_ahead(read())) as chunks:
        assert next(chunks)[0] == 0
        assert second.wait(10.0)
    assert numbers == [0, 1]


def test_too_little_memory_for_the_next_chunk_is_said_at_its_turn(store: ArtefactStore) -> None:
    def read() -> Iterator[tuple[int, pa.Table]]:
        yield next(cut_chunks(write_checked(store, [4]), 1))
        raise MemoryError("malloc of 9 TiB failed")

    with closing(read_ahead(read())) as chunks:
        assert next(chunks)[0] == 0
        with pytest.raises(WorldFailed, match=r"lower score\.chunk_rows"):
            next(chunks)
