"""Batches: each row once, an order that seed and epoch decide, padding that is zero, whatever the Arrow chunks."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.data.batches import BATCHES_IN_POOL, Batches
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import Corrupted, DataRefused
from tests.seqcls.encoded_examples import SPECS, encoded_table, random_table, write_encoded

TOKENS, NAN = SPECS["tokens"], float("nan")


def test_two_rows_of_tokens_become_a_padded_batch() -> None:
    split = EncodedSplit.from_arrow(encoded_table([[5], [2, 3, 4]], [1, 0], TOKENS), TOKENS)
    batch = split.collate(np.array([1, 0]), TOKENS)
    assert batch.tokens is not None
    assert batch.tokens.tolist() == [[2, 3, 4], [5, 0, 0]]
    assert (batch.rows.tolist(), batch.lengths.tolist(), batch.labels.tolist()) == ([1, 0], [3, 1], [0, 1])
    assert (batch.tokens.dtype, batch.values, batch.observed, batch.width) == (torch.int64, None, None, 3)


def test_series_keep_their_channels_and_missing_values_are_masked() -> None:
    spec = InputSpec(form="values", max_length=4, channels=2, missing=True)
    nan = float("nan")
    split = EncodedSplit.from_arrow(encoded_table([[1, 10, 2, nan], [3, 30]], [0, 1], spec), spec)
    batch = split.collate(np.array([0, 1]), spec)
    assert batch.values is not None
    assert batch.observed is not None
    assert batch.values.tolist() == [[[1, 10], [2, 0]], [[3, 30], [0, 0]]]
    assert batch.observed.tolist() == [[[True, True], [True, False]], [[True, True], [False, False]]]
    unseen = spec.model_copy(update={"missing": False})
    assert split.collate(np.array([0]), unseen).observed is None


VALUES = InputSpec(form="values", max_length=3, channels=2, missing=True)


@pytest.mark.parametrize(
    ("spec", "rows", "short"),
    [(TOKENS, [[5, 2], [7, 3], [4, 4]], [8]),
     (VALUES, [[1, 2, 3, NAN], [5, 6, 7, 8], [NAN, 1, 1, 1]], [1, 2])],
)  # fmt: skip
def test_rows_of_one_length_are_what_they_are_beside_a_shorter_one(
    spec: InputSpec, rows: list[list[float]], short: list[float]
) -> None:
    alone = EncodedSplit.from_arrow(encoded_table(rows, [0, 1, 1], spec), spec)
    beside = EncodedSplit.from_arrow(encoded_table([*rows, short], [0, 1, 1, 0], spec), spec)
    turned = EncodedSplit(alone.values, alone.starts[::-1], alone.lengths, alone.labels[::-1], alone.ids)
    for chosen in ([2, 0, 1], [1, 1], [0]):
        expected = beside.collate(np.array(chosen), spec)
        for split, places in ((alone, chosen), (turned, [2 - place for place in chosen])):
            found = split.collate(np.array(places), spec)
            for name in ("tokens", "values", "observed", "lengths", "labels"):
                here, there = getattr(found, name), getattr(expected, name)
                assert (here is None and there is None) or torch.equal(here, there), name


def test_more_padding_is_zero() -> None:
    batch = EncodedSplit.from_arrow(encoded_table([[5, 6]], [0], TOKENS), TOKENS).collate(np.array([0]), TOKENS)
    wide = batch.pad_to(5)
    assert wide.tokens is not None
    assert wide.tokens.tolist() == [[5, 6, 0, 0, 0]]
    assert wide.lengths.tolist() == [2]
    assert wide.pad_to(5) is wide


def test_more_padding_is_zero_and_unobserved_in_every_channel() -> None:
    spec = InputSpec(form="values", max_length=4, channels=2, missing=True)
    rows = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0]]
    batch = EncodedSplit.from_arrow(encoded_table(rows, [0, 0], spec), spec).collate(np.arange(2), spec)
    wide = batch.pad_to(3)
    assert wide.values is not None
    assert wide.observed is not None
    assert wide.values.tolist() == [[[1, 2], [3, 4], [0, 0]], [[5, 6], [0, 0], [0, 0]]]
    assert wide.observed.tolist() == [[[True] * 2] * 2 + [[False] * 2], [[True] * 2] + [[False] * 2] * 2]


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(1, 300),
    size=st.integers(1, 40),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
    shuffle=st.booleans(),
    start=st.integers(0, 8),
)
def test_each_row_once_an_epoch_and_a_later_start_gives_the_rest(
    rows: int, size: int, seed: int, epoch: int, shuffle: bool, start: int
) -> None:
    split = EncodedSplit.from_arrow(random_table(TOKENS, rows, 2, seed=1), TOKENS)
    batches = Batches(split, TOKENS, size, seed, shuffle)
    all_rows = [batch.rows.tolist() for batch in batches.iterate(epoch)]
    assert sorted(chain.from_iterable(all_rows)) == list(range(rows))
    assert len(all_rows) == batches.steps
    assert max(map(len, all_rows)) <= size
    again = Batches(split, TOKENS, size, seed, shuffle)
    assert [batch.rows.tolist() for batch in again.iterate(epoch, start)] == all_rows[start:]


def test_another_epoch_or_seed_gives_another_order() -> None:
    split = EncodedSplit.from_arrow(random_table(TOKENS, 100, 2, seed=1), TOKENS)
    orders = {tuple(Batches(split, TOKENS, 8, seed, True).order(epoch).tolist()) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


def test_rows_of_like_length_share_a_batch() -> None:
    spec = TOKENS.model_copy(update={"max_length": 400})
    random = np.random.default_rng(0)
    sequences = [[1] * int(length) for length in random.integers(1, 400, 2000)]
    split = EncodedSplit.from_arrow(encoded_table(sequences, [0] * 2000, spec), spec)
    padded = sum(len(batch) * batch.width for batch in Batches(split, spec, 16, 0, True).iterate(0))
    assert padded / split.lengths.sum() < 1.05
    widths = [batch.width for batch in Batches(split, spec, 16, 0, True).iterate(0)]
    assert widths != sorted(widths), "batches come in random order"
    assert BATCHES_IN_POOL * 16 < 2000, "more than one pool"


def test_sampling_draws_rows_by_their_weights() -> None:
    split = EncodedSplit.from_arrow(random_table(TOKENS, 1000, 2, seed=1), TOKENS)
    weights = np.where(np.arange(1000) < 10, 99.0, 1.0)  # ten rows get half of all draws
    drawn = Batches(split, TOKENS, 32, 0, True, weights).order(0)
    assert len(drawn) == 1000
    assert 400 < (drawn < 10).sum() < 600


@pytest.mark.parametrize("form", SPECS)
def test_a_split_in_many_files_reads_as_one(tmp_path: Path, form: str) -> None:
    spec = SPECS[form]
    table = random_table(spec, 130, 3, seed=4)
    encoded = write_encoded(tmp_path, spec, {"train": table}, ["a", "b", "c"], shard=40)
    assert len(list((encoded.folder / "train").iterdir())) == 4
    read, direct = EncodedSplit.open(encoded, "train"), EncodedSplit.from_arrow(table, spec)
    assert read.ids.to_pylist() == table["id"].to_pylist()
    assert read.labels.tolist() == table["label"].to_pylist()
    for row in range(130):
        here, there = (split.collate(np.array([row]), spec) for split in (read, direct))
        flat = here.tokens if here.tokens is not None else here.values
        expected = there.tokens if there.tokens is not None else there.values
        assert flat is not None
        assert expected is not None
        assert torch.equal(flat, expected)
        source = np.nan_to_num(np.array(table["sequence"][row].as_py(), dtype=np.float32))
        np.testing.assert_array_equal(flat.flatten().numpy(), source)


def test_one_chunk_is_not_copied_and_a_slice_is_read_from_its_own_start() -> None:
    table = encoded_table([[1, 1], [2], [3, 3, 3]], [0, 1, 0], TOKENS).combine_chunks()
    split = EncodedSplit.from_arrow(table, TOKENS)
    arrow = table["sequence"].chunk(0).values.to_numpy()
    assert np.shares_memory(split.values, arrow)
    later = EncodedSplit.from_arrow(table.slice(1), TOKENS).collate(np.array([0, 1]), TOKENS)
    assert later.tokens is not None
    assert later.tokens.tolist() == [[2, 0, 0], [3, 3, 3]]


def test_rows_to_score_need_no_labels() -> None:
    table = encoded_table([[1], [2, 3]], [None, None], TOKENS)
    assert EncodedSplit.from_arrow(table, TOKENS).labels.tolist() == [-1, -1]
    assert EncodedSplit.from_arrow(table.drop_columns(["label"]), TOKENS).labels.tolist() == [-1, -1]


def test_small_and_large_index_types_read_alike() -> None:
    for value_type in (pa.uint8(), pa.int32()):
        for list_type in (pa.list_, pa.large_list):
            column = pa.array([[1, 2], [8]], list_type(value_type))
            split = EncodedSplit.from_arrow(pa.table({"id": ["a", "b"], "sequence": column}), TOKENS)
            batch = split.collate(np.array([0, 1]), TOKENS)
            assert batch.tokens is not None
            assert batch.tokens.tolist() == [[1, 2], [8, 0]]


@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_no_rows_and_empty_rows_are_no_trouble(rows: list[list[float]]) -> None:
    for spec in SPECS.values():
        split = EncodedSplit.from_arrow(encoded_table(rows, [0] * len(rows), spec), spec)
        batches = list(Batches(split, spec, 4, 0, True).iterate(0))
        assert [(len(batch), batch.width) for batch in batches] == ([(len(rows), 1)] if rows else [])


def test_what_another_encoder_made_is_refused() -> None:
    with pytest.raises(DataRefused, match="index 9 in a sequence; expected indices below 9"):
        EncodedSplit.from_arrow(encoded_table([[9]], [0], TOKENS), TOKENS)
    with pytest.raises(DataRefused, match="row 'row-1' has 14 positions; expected at most 13"):
        EncodedSplit.from_arrow(encoded_table([[1], [1] * 14], [0, 0], TOKENS), TOKENS)
    with pytest.raises(DataRefused, match="not a multiple of 3 values"):
        EncodedSplit.from_arrow(encoded_table([[1.0, 2.0]], [0], SPECS["missing"]), SPECS["missing"])
    broken = pa.table({"id": ["a"], "sequence": pa.array([None], pa.list_(pa.int32()))})
    with pytest.raises(DataRefused, match="1 rows without a sequence"):
        EncodedSplit.from_arrow(broken, TOKENS)


def test_a_broken_encoder_file_is_named(tmp_path: Path) -> None:
    encoded = write_encoded(tmp_path, TOKENS, {"train": random_table(TOKENS, 3, 2, 0)}, ["a", "b"])
    (encoded.folder / "encoder.json").write_text('{"labels": []}')
    with pytest.raises(Corrupted, match=r"encoder\.json: not readable .*inputs"):
        EncodedSplit.open(encoded, "train")
