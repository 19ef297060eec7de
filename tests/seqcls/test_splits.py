"""Every row has one entry, components never straddle, and only content decides."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.errors import CheckBroken, DataRefused
from seqcls.splitting.split import find_components, split
from seqcls.store import parquet
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest, verify
from seqcls.table import SPLITS, Kind
from tests.seqcls.table_examples import checked_meta, make_pipeline, make_rows, real_data, write_table

DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path)


def divide(store: ArtefactStore, rows: pa.Table, kind: Kind = "text", **config: Any) -> tuple[list[str | None], Ref]:
    checked = write_table(store, kind, rows, name="checked")
    source = {"time": "when"} if config.get("method") == "time" else {}
    ref = split(checked, make_pipeline(kind, split=config, source=source), store)
    verify(ref)
    column = parquet.read_parquet(ref.folder / "splits.parquet")["split"]
    assert pa.types.is_dictionary(column.type)
    return column.to_pylist(), ref


def meta(ref: Ref) -> dict[str, Any]:
    return read_manifest(ref)["meta"]


def many(count: int) -> list[str]:
    return [f"text number {number}" for number in range(count)]


def test_stratified_shares_are_exact_in_every_class(store: ArtefactStore) -> None:
    rows = make_rows("text", many(150), ["a"] * 100 + ["b"] * 43 + ["c"] * 7)
    found, ref = divide(store, rows, valid=0.1, test=0.2)
    assert meta(ref)["counts"] == {
        "train": {"a": 70, "b": 30, "c": 5},
        "valid": {"a": 10, "b": 4, "c": 1},
        "test": {"a": 20, "b": 9, "c": 1},
    }
    assert Counter(found) == {"train": 105, "valid": 15, "test": 30}


def test_small_classes_are_spread_as_far_as_they_go(store: ArtefactStore) -> None:
    labels = ["a"] * 20 + ["three"] * 3 + ["two"] * 2 + ["one"]
    _, ref = divide(store, make_rows("text", many(26), labels))
    counts = meta(ref)["counts"]
    assert [counts[name]["three"] for name in SPLITS] == [1, 1, 1]
    assert [counts[name]["two"] for name in SPLITS] == [1, 0, 1]
    assert [counts[name]["one"] for name in SPLITS] == [1, 0, 0]


def test_two_rows_train_and_validate_where_no_test_is_wanted(store: ArtefactStore) -> None:
    _, ref = divide(store, make_rows("text", many(6), ["a"] * 4 + ["b"] * 2), test=0.0, valid=0.3)
    counts = meta(ref)["counts"]
    assert counts == {"train": {"a": 3, "b": 1}, "valid": {"a": 1, "b": 1}, "test": {"a": 0, "b": 0}}


def test_exact_duplicates_land_together_in_every_method(store: ArtefactStore) -> None:
    sequences = [f"text {number % 20}" for number in range(100)]
    times = [DAY + timedelta(days=number) for number in range(100)]
    for method in ("hash", "stratified"):
        found, ref = divide(
            store, make_rows("text", sequences, ["a"] * 100, time=times), method=method, valid=0.2, test=0.3
        )
        assert all(len({found[row] for row in range(start, 100, 20)}) == 1 for start in range(20))
        assert meta(ref)["leakage"]["train_rows_exact"] == 0


def test_lower_case_is_the_same_molecule(store: ArtefactStore) -> None:
    sequences = [
        letters
        for number in range(40)
        for letters in (f"ACGT{'ACGT'[number % 4] * number}", f"acgt{'acgt'[number % 4] * number}")
    ]
    found, _ = divide(store, make_rows("dna", sequences), "dna", method="hash", test=0.5)
    assert found[::2] == found[1::2]
    assert set(found) == set(SPLITS)


def test_rows_of_a_group_land_together_also_through_a_shared_sequence(store: ArtefactStore) -> None:
    sequences = [*many(60), "shared", "shared"]
    groups = [f"g{number // 3}" for number in range(60)] + ["g0", "g19"]
    for method in ("hash", "stratified"):
        found, _ = divide(store, make_rows("text", sequences, group=groups), method=method, valid=0.2, test=0.3)
        by_group = defaultdict(set)
        for group, name in zip(groups, found, strict=True):
            by_group[group].add(name)
        assert all(len(names) == 1 for names in by_group.values())
        assert by_group["g0"] == by_group["g19"]
        assert set(found) == set(SPLITS)


def test_the_key_of_a_component_is_that_of_its_groups_not_of_its_sequences() -> None:
    hashes, groups = np.array([5, 6, 6, 9, 1], np.uint64), np.array([30, 30, 20, 0, 20], np.uint64)
    of_row, keys = find_components(hashes, groups, np.array([True, True, True, False, True]))
    assert keys[of_row].tolist() == [20, 20, 20, 9, 20]
    assert len(keys) == 2


def test_the_same_row_has_the_same_split_when_rows_are_added(store: ArtefactStore) -> None:
    few, _ = divide(store, make_rows("text", many(100)), method="hash")
    more, _ = divide(store, make_rows("text", ["new", *many(400)], ["a", "b"] * 200 + ["a"]), method="hash")
    assert more[1:101] == few
    other, _ = divide(store, make_rows("text", many(100)), method="hash", seed=1)
    assert other != few


def test_the_hash_of_a_row_never_changes(store: ArtefactStore) -> None:
    """Golden: another library version that hashed otherwise would move rows from test to train."""
    found, _ = divide(store, make_rows("text", many(12)), method="hash", valid=0.3, test=0.3)
    assert [SPLITS.index(name) for name in found if name] == [2, 1, 0, 2, 0, 1, 0, 0, 0, 2, 0, 0]


def test_a_group_that_grows_stays_where_it_is(store: ArtefactStore) -> None:
    groups = [f"g{number}" for number in range(30)]
    few, _ = divide(store, make_rows("text", many(30), group=groups), method="hash", test=0.4)
    more, _ = divide(store, make_rows("text", many(90), group=groups * 3), method="hash", test=0.4)
    assert more[:30] == more[30:60] == few


def test_the_latest_rows_test_and_ties_stay_together(store: ArtefactStore) -> None:
    days = [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]
    rows = make_rows("text", many(10), time=[DAY + timedelta(days=day) for day in days])
    found, _ = divide(store, rows, method="time", valid=0.2, test=0.1)
    assert found == ["train"] * 7 + ["valid"] + ["test"] * 2


def test_a_twin_of_a_late_row_is_as_late(store: ArtefactStore) -> None:
    sequences = ["late", *many(8), "late"]
    rows = make_rows("text", sequences, time=[DAY + timedelta(days=day) for day in range(10)])
    found, _ = divide(store, rows, method="time", valid=0.1, test=0.2)
    assert found == ["test", *["train"] * 7, "valid", "test"]


def test_a_row_without_time_is_refused_by_name(store: ArtefactStore) -> None:
    rows = make_rows("text", many(3), time=[DAY, None, DAY])
    with pytest.raises(DataRefused, match=r"rows\.csv:2:time: 1 rows have no time; expected a time in every row"):
        divide(store, rows, method="time")


def test_too_few_different_times_are_refused(store: ArtefactStore) -> None:
    with pytest.raises(DataRefused, match="1 different times; expected at least 3"):
        divide(store, make_rows("text", many(9), time=[DAY] * 9), method="time")


def test_given_splits_are_kept_and_only_valid_is_carved(store: ArtefactStore) -> None:
    given_ = ["train"] * 40 + ["test"] * 10
    found, ref = divide(store, make_rows("text", many(50), split=given_), valid=0.1, test=0.2)
    assert found[40:] == ["test"] * 10
    assert Counter(found) == {"train": 36, "valid": 4, "test": 10}
    assert meta(ref)["given"] is True


def test_a_test_split_is_carved_where_only_valid_is_given(store: ArtefactStore) -> None:
    found, _ = divide(store, make_rows("text", many(50), split=["train"] * 40 + ["valid"] * 10), valid=0.1, test=0.2)
    assert Counter(found) == {"train": 32, "valid": 10, "test": 8}


def test_nothing_is_carved_where_all_three_are_given(store: ArtefactStore) -> None:
    given_ = ["train", "train", "valid", "test"]
    found, _ = divide(store, make_rows("text", many(4), split=given_), valid=0.4, test=0.4)
    assert found == given_


def test_without_a_share_for_validation_given_validation_rows_are_training_rows(store: ArtefactStore) -> None:
    given_ = ["train", "train", "valid", "valid", "test"]
    found, ref = divide(store, make_rows("text", many(5), split=given_), valid=0.0, test=0.2)
    assert found == ["train"] * 4 + ["test"]
    assert meta(ref)["warnings"] == ["split.valid = 0: the 2 rows of the given validation split are training rows"]


@pytest.mark.parametrize(("policy", "first"), [("report", "train"), ("drop", None)])
def test_training_rows_that_stand_in_test_are_counted_and_dropped_if_asked(
    store: ArtefactStore, policy: str, first: str | None
) -> None:
    sequences = ["same", "Same  ", "other", "more", "same", "last", "other"]
    given_ = ["train", "train", "train", "train", "test", "test", "valid"]
    found, ref = divide(store, make_rows("text", sequences, split=given_), leakage=policy)
    assert found == [first, first, first, "train", "test", "test", "valid"]
    facts = meta(ref)
    assert facts["leakage"] == {
        "train_rows_exact": 2,
        "train_rows_exact_in_valid": 1,
        "train_rows_exact_in_test": 1,
        "train_rows_normalised": 3,
    }
    assert facts["dropped"] == (3 if policy == "drop" else 0)
    assert sum(sum(counts.values()) for counts in facts["counts"].values()) + facts["dropped"] == facts["rows"] == 7


def test_nothing_left_to_train_on_is_refused(store: ArtefactStore) -> None:
    with pytest.raises(DataRefused, match="no training row among 2 rows"):
        divide(store, make_rows("text", ["x", "x"], split=["train", "test"]), leakage="drop")


def test_a_stopped_artefact_is_not_split(store: ArtefactStore) -> None:
    with store.write("checked") as draft:
        draft.describe(checked_meta(1, stopped="3 of 4 rows are rejected"))
    with pytest.raises(DataRefused, match="the checks stopped the run: 3 of 4 rows"):
        split(draft.ref, make_pipeline("text"), store)


def test_books_that_do_not_balance_are_a_bug(store: ArtefactStore) -> None:
    checked = write_table(store, "text", make_rows("text", many(3)), name="checked")
    with store.write("checked") as draft:
        (draft.folder / "rows").mkdir()
        for path in (checked.folder / "rows").iterdir():
            (draft.folder / "rows" / path.name).write_bytes(path.read_bytes())
        draft.describe(checked_meta(4))
    with pytest.raises(CheckBroken, match="3 rows, but 4 were counted"):
        split(draft.ref, make_pipeline("text"), store)


def test_a_class_without_training_rows_and_an_empty_split_are_warned_of(store: ArtefactStore) -> None:
    rows = make_rows("text", many(4), ["a", "b", "a", "new"], split=["train", "train", "train", "test"])
    _, ref = divide(store, rows, method="hash", valid=0.0001)
    assert meta(ref)["warnings"] == [
        "class 'new' stands in valid or test without a training row",
        "the valid split is empty: too few rows that may be parted for a share of 0.0001",
    ]


row = st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.none() | st.integers(0, 8))


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(row, min_size=12, max_size=60), method=st.sampled_from(["hash", "stratified", "time"]), data=st.data()
)
def test_no_component_straddles_and_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, int | None]], method: str, data: st.DataObject
) -> None:
    store = ArtefactStore(tmp_path_factory.mktemp("store"))
    order = data.draw(st.permutations(range(len(rows))))
    results = []
    for places in (range(len(rows)), order):
        chosen = [rows[place] for place in places]
        table = make_rows(
            "text",
            [f"s{sequence}" for sequence, _, _ in chosen],
            [label for _, label, _ in chosen],
            group=[None if group is None else f"g{group}" for _, _, group in chosen],
            time=[DAY + timedelta(days=sequence) for sequence, _, _ in chosen],
        )
        try:
            found, _ = divide(store, table, method=method, valid=0.2, test=0.2)
        except DataRefused:
            found = [None] * len(rows)
        results.append(dict(zip(places, found, strict=True)))
    assert results[0] == results[1]
    for key in (0, 2):
        names = defaultdict(set)
        for place, name in results[0].items():
            if rows[place][key] is not None:
                names[rows[place][key]].add(name)
        assert all(len(split_names) == 1 for split_names in names.values())


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5), valid=st.floats(0, 0.45), test=st.floats(0, 0.45))
def test_shares_are_right_within_one_row_of_each_class(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], valid: float, test: float
) -> None:
    store = ArtefactStore(tmp_path_factory.mktemp("store"))
    labels = [f"c{k}" for k, size in enumerate(sizes) for _ in range(size)]
    found, ref = divide(store, make_rows("text", many(len(labels)), labels), valid=valid, test=test)
    assert len(found) == len(labels)
    counts = meta(ref)["counts"]
    for k, size in enumerate(sizes):
        assert sum(counts[name][f"c{k}"] for name in SPLITS) == size
        assert counts["train"][f"c{k}"] >= 1
        for name, share in (("valid", valid), ("test", test)):
            assert abs(counts[name][f"c{k}"] - share * size) <= 1 + 1e-9
            if share > 0 and size >= 3:
                assert counts[name][f"c{k}"] >= 1


def test_ecg5000_splits_with_its_class_of_two_rows(store: ArtefactStore) -> None:
    values = np.loadtxt(real_data("ts_ECG5000/ECG5000_TRAIN.tsv"), dtype=np.float32)
    rows = make_rows("series", [[row.tolist()] for row in values[:, 1:]], [str(int(row)) for row in values[:, 0]])
    _, ref = divide(store, rows, "series")
    assert [meta(ref)["counts"][name]["5"] for name in SPLITS] == [1, 0, 1]


def test_trec_has_its_ten_known_test_questions_among_the_training_questions(store: ArtefactStore) -> None:
    folder = real_data("text_trec")
    train, test = (
        [line.split(" ", 1)[1] for line in (folder / name).read_text("cp1252").splitlines()]
        for name in ("TREC.train", "TREC.test")
    )
    rows = make_rows("text", train + test, split=["train"] * len(train) + ["test"] * len(test))
    found, ref = divide(store, rows, valid=0.0, leakage="drop")
    assert len(set(train) & set(test)) == 10
    leakage = meta(ref)["leakage"]
    assert leakage["train_rows_exact"] == sum(text in set(test) for text in train)
    plain = {" ".join(text.lower().split()) for text in test}
    assert leakage["train_rows_normalised"] == sum(" ".join(text.lower().split()) in plain for text in train)
    assert found.count(None) == leakage["train_rows_normalised"]
