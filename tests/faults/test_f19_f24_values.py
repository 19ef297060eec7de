"""F19-F24: values that readers like to guess at: missing-value words, numbers with zeros, large ones, infinite ones."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.faults.travel import travel
from tests.recipes import ROOT

WORDS = ["NA", "null", "nan", "None", "N/A", "#N/A", "true", "-", "1e5", "007"]


def written(format: str, rows: list[tuple[str, str]]) -> bytes:
    if format == "jsonl":
        return "".join(json.dumps({"sequence": text, "label": label}) + "\n" for text, label in rows).encode()
    if format == "parquet":
        out = io.BytesIO()
        pd.DataFrame(rows, columns=["sequence", "label"]).to_parquet(out)
        return out.getvalue()
    separator = "," if format == "csv" else "\t"
    return "".join(f"{text}{separator}{label}\n" for text, label in [("sequence", "label"), *rows]).encode()


@pytest.mark.fault("F19", tried="the words NA, null, nan, None ... as texts and as classes", outcome="kept as they are")
@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "parquet"])
def test_words_for_missing_values_are_texts(format: str, tmp_path: Path) -> None:
    rows = [(word, word) for word in WORDS]
    arrived = travel(tmp_path, written(format, rows), format=format)
    assert arrived.rows == rows
    assert arrived.report.classes == dict.fromkeys(sorted(WORDS), 1)


@pytest.mark.fault("F20", tried="ids and classes with leading zeros", outcome="kept: ids and classes are text")
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_leading_zeros_stay(format: str, tmp_path: Path) -> None:
    rows = [("007", "01"), ("7", "1"), ("0x7", "1.0")]
    data = {
        "csv": b"id,sequence,label\n" + b"".join(b"%b,word,%b\n" % (i.encode(), c.encode()) for i, c in rows),
        "jsonl": b"".join(json.dumps({"id": i, "sequence": "word", "label": c}).encode() + b"\n" for i, c in rows),
    }[format]
    arrived = travel(tmp_path, data, format=format, id="id")
    assert arrived.table["id"].to_pylist() == ["007", "7", "0x7"]
    assert arrived.table["label"].to_pylist() == ["01", "1", "1.0"]


@pytest.mark.fault(
    "F21", tried="ids beyond 2^53: as text, JSON integer, integer column with a gap", outcome="kept exactly"
)
def test_large_integers_are_exact(tmp_path: Path) -> None:
    large = ["9007199254740993", "9007199254740995"]
    csv = b"id,sequence,label\n%b,x,a\n%b,y,b\n" % tuple(number.encode() for number in large)
    assert travel(tmp_path / "csv", csv, id="id").table["id"].to_pylist() == large
    lines = b'{"id": %b, "sequence": "x", "label": "a"}\n{"id": %b, "sequence": "y", "label": "b"}\n'
    arrived = travel(tmp_path / "json", lines % tuple(n.encode() for n in large), format="jsonl", id="id")
    assert arrived.table["id"].to_pylist() == large
    out = io.BytesIO()
    pd.DataFrame(
        {"id": pd.array([int(large[0]), None], "Int64"), "sequence": ["x", "y"], "label": ["a", "b"]}
    ).to_parquet(out)
    arrived = travel(tmp_path / "parquet", out.getvalue(), format="parquet", id="id", labelled=False)
    assert arrived.table["id"].to_pylist() == large[:1]
    assert arrived.set_aside == [(2, "id", "id")]


@pytest.mark.fault(
    "F21", tried="an id that pandas rounded to a float because of a blank", outcome="row rejected, never another's id"
)
def test_an_integer_that_was_rounded_before_it_came_is_rejected(tmp_path: Path) -> None:
    out = io.BytesIO()
    frame = pd.DataFrame({"id": [9007199254740993, None, 5], "sequence": ["x", "y", "z"], "label": ["a", "b", "a"]})
    assert frame["id"].dtype == float
    frame.to_parquet(out)
    arrived = travel(tmp_path, out.getvalue(), format="parquet", id="id", labelled=False)
    assert arrived.table["id"].to_pylist() == ["5"]
    assert [(reject.row, reject.column, reject.reason) for reject in arrived.rejects] == [
        (1, "id", "9007199254740992.0 where a name is expected"),
        (2, "id", "no id; an id names the row in the scores"),
    ]


@pytest.mark.fault("F22", tried="integers beyond 2^64 as id, class and sample", outcome="exact as names; 1e39 rejected")
def test_integers_beyond_any_machine_word(tmp_path: Path) -> None:
    huge = "123456789012345678901234567890"
    data = f'{{"id": {huge}, "sequence": [1, 2], "label": {huge}}}\n{{"id": 2, "sequence": [3, 1e23], "label": "b"}}\n'
    data += f'{{"id": 3, "sequence": [1, {10**39}], "label": "b"}}\n{{"id": 4, "sequence": [1, 1e39], "label": "b"}}\n'
    arrived = travel(tmp_path, data.encode(), "series", format="jsonl", id="id")
    assert arrived.table["id"].to_pylist() == [huge, "2"]
    assert arrived.table["label"].to_pylist() == [huge, "b"]
    assert arrived.sequences == [[[1.0, 2.0]], [[3.0, float(np.float32(1e23))]]]
    assert [(r.row, r.column, r.reason) for r in arrived.rejects] == [
        (3, "sequence", "an integer is not finite (float32 ends at 3.4e38), at position 2 of 2"),
        (4, "sequence", "1e+39 is not finite (float32 ends at 3.4e38), at position 2 of 2"),
    ]


@pytest.mark.fault("F23", tried="1e999, inf and -inf in a signal", outcome="row rejected: not finite at position k")
def test_a_sample_that_is_not_finite_costs_its_row(tmp_path: Path) -> None:
    samples = ["1e999", "inf", "-inf", "-3.5e38", "Infinity"]
    data = "1\t0.5\t0.25\t1\n2\t3\t2\t1\n" + "".join(f"2\t0.5\t{sample}\t1\n" for sample in samples)
    arrived = travel(tmp_path, data.encode(), "series", format="ucr")
    assert arrived.sequences == [[[0.5, 0.25, 1.0]], [[3.0, 2.0, 1.0]]]
    assert arrived.set_aside == [(row, "value", "number") for row in range(3, 8)]
    assert [reject.reason for reject in arrived.rejects] == [
        f"{sample!r} is not finite (float32 ends at 3.4e38), at position 2 of 3" for sample in samples
    ]


@pytest.mark.fault("F23", tried="inf in the fifth beat of a real ECG file", outcome="one beat rejected")
def test_one_infinite_sample_in_a_real_ecg_costs_one_beat(tmp_path: Path) -> None:
    lines = (ROOT / "tests/excerpts/ts_ECG5000/ECG5000_TRAIN.tsv").read_bytes().splitlines(keepends=True)
    fields = lines[4].split(b"\t")
    fields[50] = b"inf"
    damaged = b"".join([*lines[:4], b"\t".join(fields), *lines[5:]])
    whole = travel(tmp_path / "whole", b"".join(lines), "series", format="ucr")
    arrived = travel(tmp_path / "damaged", damaged, "series", format="ucr")
    assert arrived.sequences == whole.sequences[:4] + whole.sequences[5:]
    assert [reject.reason for reject in arrived.rejects] == [
        "'inf' is not finite (float32 ends at 3.4e38), at position 50 of 140"
    ]


@pytest.mark.fault("F23", tried="NaN in a signal", outcome="a missing value, counted; rejected beyond its share")
def test_nan_is_a_missing_value_and_too_many_cost_the_row(tmp_path: Path) -> None:
    data = b"1\t0.5\tNaN\t1\n2\tnan\tNaN\t1\n1\t1\t2\t3\n"
    arrived = travel(tmp_path, data, "series", format="ucr", labelled=False)
    assert arrived.sequences == [[[0.5, None, 1.0]], [[1.0, 2.0, 3.0]]]
    (reject,) = arrived.rejects
    assert (reject.row, reject.column, reject.rule) == (2, "sequence", "missing")
    assert reject.reason == "the share of missing values is 0.666667, expected at most 0.5"


@pytest.mark.fault("F24", tried="full-width and Arabic digits in a signal", outcome="row rejected: not a number")
def test_digits_of_other_scripts_are_no_numbers(tmp_path: Path) -> None:
    digits = ["１", "١", "१", "²"]
    data = "1\t0.5\t2\n2\t3\t2\n" + "".join(f"2\t0.5\t{digit}\n" for digit in digits)
    arrived = travel(tmp_path, data.encode(), "series", format="ucr")
    assert arrived.set_aside == [(row, "value", "number") for row in range(3, 7)]
    assert [reject.reason for reject in arrived.rejects] == [
        f"'{digit}' is not a number, at position 2 of 2" for digit in digits
    ]


@pytest.mark.fault("F24", tried="full-width digits in a time", outcome="row rejected: not ISO 8601")
def test_digits_of_other_scripts_make_no_time(tmp_path: Path) -> None:
    data = "sequence,label,t\none,a,２０２６-01-01\ntwo,b,2026-01-02\n".encode()
    arrived = travel(tmp_path, data, time="t", labelled=False)
    (reject,) = arrived.rejects
    assert (reject.row, reject.column, reject.rule) == (1, "t", "time")
    assert "'２０２６-01-01' is not an ISO 8601 time" in reject.reason
