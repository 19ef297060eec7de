"""Residues in Parquet: a byte each, and back to the same lists, whatever the slices, chunks and nulls."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.store.packing import BYTES, LISTS, packed, stored_type, unpacked

ROWS = st.lists(st.none() | st.lists(st.integers(0, 255), max_size=6), max_size=12)


@pytest.mark.slow
@settings(deadline=None)
@given(ROWS, ROWS, st.integers(0, 4))
def test_lists_come_back_from_parquet_as_they_were(first: list, second: list, start: int) -> None:
    column = pa.chunked_array([pa.array(first, LISTS).slice(start), pa.array(second, LISTS)], LISTS)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"sequence": packed(column)}), sink)
    read = pq.read_table(pa.BufferReader(sink.getvalue()))["sequence"]
    assert read.type == BYTES
    assert unpacked(read).type == LISTS
    assert unpacked(read).to_pylist() == column.to_pylist() == unpacked(packed(column)).to_pylist()


@pytest.mark.slow
@given(ROWS, st.integers(0, 4))
def test_slices_of_what_was_packed_are_slices_of_the_lists(rows: list, start: int) -> None:
    column = pa.chunked_array([pa.array(rows, LISTS)])
    assert unpacked(packed(column).slice(start)).to_pylist() == rows[start:]


def test_lists_that_begin_in_the_midst_of_their_values() -> None:
    values = pa.array([9, 9, 1, 2, 3], pa.uint8()).slice(2)
    column = pa.chunked_array([pa.ListArray.from_arrays(pa.array([0, 1, 3], pa.int32()), values)])
    assert packed(column).to_pylist() == [b"\x01", b"\x02\x03"]


@pytest.mark.parametrize("type_", [pa.list_(pa.int32()), pa.list_(pa.float32())])
def test_other_columns_stay_what_they_are(type_: pa.DataType) -> None:
    column = pa.chunked_array([pa.array([[1], [2, 3]], type_)])
    assert packed(column) is column
    assert unpacked(column) is column
    assert stored_type(type_) == type_


def test_nothing_is_copied() -> None:
    column = pa.chunked_array([pa.array([[1, 2], [3]], LISTS)])
    before = column.chunk(0).values.buffers()[1].address
    assert packed(column).chunk(0).buffers()[2].address == before
    assert unpacked(packed(column)).chunk(0).values.buffers()[1].address == before
