"""F40, F41, F45, F46: rows that repeat or contradict others, times that no clock shows, classes nobody expected."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.encoders.encode import encode
from seqcls.errors import DataRefused
from seqcls.splitting.split import split
from seqcls.store.parquet import read_parquet
from tests.faults.travel import GOOD, HEAD, explains_itself, refusal, travel

TWINS = HEAD + b"one,a\ntwo,b\none,a\nthree,b\none,a\n"


@pytest.mark.fault("F40", tried="a row three times in one file", outcome="kept and counted, by default")
def test_duplicates_are_kept_and_counted(tmp_path: Path) -> None:
    arrived = travel(tmp_path, TWINS)
    assert arrived.sequences == ["one", "two", "one", "three", "one"]
    (check,) = [check for check in arrived.report.checks if check.rule == "duplicate_row"]
    assert (check.policy, check.found, check.examples) == ("warn", 2, ("data.csv:3", "data.csv:5"))
    assert arrived.report.warnings == ("duplicate_row: 2 rows (40.00%), expected each once",)


@pytest.mark.fault("F40", tried='a row three times, with duplicate_row = "reject"', outcome="the later two rejected")
def test_duplicates_are_rejected_when_asked(tmp_path: Path) -> None:
    arrived = travel(tmp_path, TWINS, rules={"duplicate_row": "reject"})
    assert arrived.sequences == ["one", "two", "three"]
    assert arrived.set_aside == [(3, "sequence", "duplicate_row"), (5, "sequence", "duplicate_row")]
    assert {r.reason for r in arrived.rejects} == {"an earlier row has the same sequence and class, expected each once"}


@pytest.mark.fault("F40", tried="20 texts ten times each, split", outcome="twins never stand in two splits")
def test_duplicates_never_straddle_splits(tmp_path: Path) -> None:
    data = HEAD + b"".join(b"text %d,%c\n" % (n % 20, b"ab"[n % 2]) for n in range(200))
    arrived = travel(tmp_path, data)
    splits = read_parquet(split(arrived.checked, arrived.pipeline, arrived.store).folder / "splits.parquet")
    pairs = set(zip(arrived.sequences, splits["split"].to_pylist(), strict=True))
    assert len(pairs) == 20
    assert {name for _, name in pairs} >= {"train", "test"}


@pytest.mark.fault("F41", tried="one sequence with two classes", outcome="kept and counted, by default")
def test_a_contradiction_is_counted(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"one,b\n")
    assert arrived.table.num_rows == 5
    (check,) = [check for check in arrived.report.checks if check.rule == "conflicting_label"]
    assert (check.policy, check.found, check.examples) == ("warn", 2, ("data.csv:1", "data.csv:5"))


@pytest.mark.fault("F41", tried='one sequence with two classes, with the policy "reject"', outcome="both rejected")
def test_a_contradiction_costs_both_rows_when_asked(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"one,b\n", rules={"conflicting_label": "reject"})
    assert arrived.sequences == ["two", "three", "four"]
    assert arrived.set_aside == [(1, "label", "conflicting_label"), (5, "label", "conflicting_label")]
    assert {r.reason for r in arrived.rejects} == {"the sequence stands with 2 classes, expected one class a sequence"}


@pytest.mark.fault("F41", tried="one id with two sequences", outcome="the later row rejected")
def test_an_id_names_one_row(tmp_path: Path) -> None:
    data = b"id,sequence,label\n7,one,a\n8,two,b\n7,three,b\n"
    arrived = travel(tmp_path, data, id="id")
    assert arrived.sequences == ["one", "two"]
    (reject,) = arrived.rejects
    assert (reject.row, reject.column, reject.rule) == (3, "id", "duplicate_id")
    assert reject.reason == "an earlier row has the same id, expected each id once"


TIMES = {
    "2026-03-29T02:30:00": "does not exist or exists twice in Europe/Berlin; write the offset from UTC",
    "2026-10-25T02:30:00": "does not exist or exists twice in Europe/Berlin; write the offset from UTC",
    "2023-02-29": "'2023-02-29' is not a time that the calendar has",
    "13/02/2026": "'13/02/2026' is not an ISO 8601 time (source.time_format names another form",
    "1700000000": "'1700000000' is not an ISO 8601 time",
    "1700000000000": "'1700000000000' is not an ISO 8601 time",
    "0000-01-01": "lies outside the years 1 to 9999",
    "2026-01-01T24:00:01Z": "is not a time that the calendar has",
}


@pytest.mark.fault(
    "F45", tried="a gap and an overlap of summer time, 29 February, day first, epochs, year 0", outcome="rows rejected"
)
def test_a_time_that_no_clock_shows_costs_its_row(tmp_path: Path) -> None:
    data = "sequence,label,t\none,a,2026-01-01\ntwo,b,2026-01-02\n" + "".join(f"bad,b,{time}\n" for time in TIMES)
    arrived = travel(tmp_path, data.encode(), time="t", time_zone="Europe/Berlin")
    assert arrived.sequences == ["one", "two"]
    assert arrived.set_aside == [(row, "t", "time") for row in range(3, 3 + len(TIMES))]
    for reject, reason in zip(arrived.rejects, TIMES.values(), strict=True):
        assert reason in reject.reason


@pytest.mark.fault(
    "F45", tried="naive and aware times mixed, 29 February 2024, years 1, 1677, 2262, 9999", outcome="exact, in UTC"
)
def test_sound_times_are_exact(tmp_path: Path) -> None:
    times = {
        "2026-07-01T12:00:00": (2026, 7, 1, 10),
        "2026-07-01T12:00:00+05:30": (2026, 7, 1, 6, 30),
        "2026-03-29T02:30:00+01:00": (2026, 3, 29, 1, 30),
        "2024-02-29T12:00:00Z": (2024, 2, 29, 12),
        "0001-06-01T00:00:00Z": (1, 6, 1),
        "1677-09-20T00:00:00Z": (1677, 9, 20),
        "2262-04-13T00:00:00Z": (2262, 4, 13),
        "9999-12-31T23:59:59.999999Z": (9999, 12, 31, 23, 59, 59, 999999),
    }
    data = "sequence,label,t\n" + "".join(f"x{n},{'ab'[n % 2]},{time}\n" for n, time in enumerate(times))
    arrived = travel(tmp_path, data.encode(), time="t", time_zone="Europe/Berlin")
    assert arrived.table["time"].to_pylist() == [
        datetime.datetime(*parts, tzinfo=datetime.UTC) for parts in times.values()
    ]


@pytest.mark.fault("F45", tried="Parquet times and dates beyond year 9999", outcome="rejected; never another century")
@pytest.mark.parametrize(
    ("kind", "ticks"),
    [
        (pa.timestamp("us"), 2**62),
        (pa.timestamp("ms", tz="UTC"), 1_700_000_000_000_000),  # microseconds taken for milliseconds
        (pa.timestamp("ms"), -(2**62)),
        (pa.date32(), 2**31 - 1),
    ],
)
def test_a_typed_time_that_would_overflow_costs_its_row(kind: pa.DataType, ticks: int, tmp_path: Path) -> None:
    out = io.BytesIO()
    plain = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    times = pa.array([0, ticks, None], plain).view(kind)
    pq.write_table(pa.table({"sequence": ["one", "bad", "two"], "label": ["a", "b", "b"], "t": times}), out)
    arrived = travel(tmp_path, out.getvalue(), format="parquet", time="t")
    assert arrived.table["time"].to_pylist() == [datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC), None]
    (reject,) = arrived.rejects
    assert (reject.row, reject.column, reject.rule) == (2, "t", "time")
    assert reject.reason.endswith("lies outside the years 1 to 9999")


@pytest.mark.fault("F46", tried="a class outside rules.label_set", outcome="row rejected, class and set named")
def test_a_class_outside_the_set_costs_its_row(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"five,c\n", rules={"label_set": ["a", "b"]})
    assert arrived.table.num_rows == 4
    (reject,) = arrived.rejects
    assert (reject.row, reject.column, reject.rule) == (5, "label", "unknown_label")
    assert reject.reason == "label is 'c', expected one of a, b"


@pytest.mark.fault("F46", tried='a class outside the set, with the policy "fail"', outcome="stage fails, row named")
def test_a_class_outside_the_set_stops_the_run_when_asked(tmp_path: Path) -> None:
    error = stopped(tmp_path, GOOD + b"five,c\n", label_set=["a", "b"], unknown_label="fail")
    assert error.found == "rule unknown_label, whose policy is fail, is broken by 1 rows"
    assert (error.where, error.expected) == ("data.csv:5", "one of a, b")


def stopped(folder: Path, data: bytes, **rules: Any) -> DataRefused:
    with pytest.raises(DataRefused) as caught:
        travel(folder, data, rules=rules)
    return explains_itself(caught.value)


@pytest.mark.fault("F46", tried="a class that only the test files have", outcome="stage fails before training")
def test_a_class_that_only_the_test_split_has_stops_the_run(tmp_path: Path) -> None:
    arrived = travel(
        tmp_path, {"a.csv": GOOD, "b.csv": HEAD + b"five,a\nsix,new\nseven,b\n"}, train=["a.csv"], test=["b.csv"]
    )
    splits = split(arrived.checked, arrived.pipeline, arrived.store)
    with pytest.raises(DataRefused) as caught:
        encode(arrived.checked, splits, arrived.pipeline, arrived.store)
    error = explains_itself(caught.value)
    assert error.found == "class 'new' is in the test split, but not in the training split"
    assert error.where == "test split"
    assert error.expected == "classes among 'a', 'b'"


@pytest.mark.fault("F42", tried="a copy under another name among the training files", outcome="copy refused")
def test_a_copy_of_a_training_file_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"a.csv": GOOD, "b (copy).csv": GOOD, "c.csv": GOOD + b"five,a\n"})
    assert (error.where, error.found) == ("b (copy).csv", "the same bytes as a.csv")
    assert error.next_step == "remove one of the two, or name the files to read"
