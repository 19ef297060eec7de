"""Series from every format that holds them: cells of text, UCR, ts, ARFF, wide and long."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.errors import DataRefused
from seqcls.sources import long as long_module
from seqcls.sources.numbers import Notation, parse_cells
from tests.seqcls.reading_files import read_bytes

CELLS = [
    ("1 2.5  -3e2", [1.0, 2.5, -300.0]),
    ("[1, 2.5, null]", [1.0, 2.5, None]),
    ("1;2;?", [1.0, 2.0, None]),
    ("1,,NaN", [1.0, None, None]),
    ("  +.5\t7. ", [0.5, 7.0]),
    ("-nan", [None]),
    ("", None),
    ("[]", None),
    (None, None),
    ("1, 2 ,3", [1.0, 2.0, 3.0]),
]


@pytest.mark.parametrize(("cell", "values"), CELLS)
def test_cells_of_numbers(cell: str | None, values: list[float | None] | None) -> None:
    lists, faults = parse_cells(pa.array([cell], pa.string()))
    assert faults == {}
    assert lists.to_pylist() == [values]


ONE_SEPARATOR = [
    ("-0,31;-0,51", "'-0,31' is not a number (source.decimal = \",\" reads decimal commas), at position 1 of 2"),
    ("1,5 2,5", "'5 2' is not a number, at position 2 of 3 (source.decimal = \",\" reads decimal commas)"),
    ("1;2 3", "'2 3' is not a number, at position 2 of 2"),
]


@pytest.mark.parametrize(("cell", "reason"), ONE_SEPARATOR)
def test_a_row_has_one_separator(cell: str, reason: str) -> None:
    """Decimal commas once became separators, and every value two."""
    assert parse_cells(pa.array([cell]))[1] == {0: reason}


COMMA = Notation(",", ("NA", "<UNK>"))
COMMAS = [
    ("-0,5;-0,25", [-0.5, -0.25]), ("1,5 2 ,25", [1.5, 2.0, 0.25]), ("[1,5e3; NA;?]", [1500.0, None, None]),
    ("<UNK>", [None]), ("7", [7.0]),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "values"), COMMAS)
def test_decimal_commas_and_words_for_missing_values(cell: str, values: list[float | None]) -> None:
    lists, faults = parse_cells(pa.array([cell]), notation=COMMA)
    assert faults == {}
    assert lists.to_pylist() == [values]


def test_a_point_is_no_decimal_sign_beside_the_comma() -> None:
    _, faults = parse_cells(pa.array(["1.234,5;2"]), notation=COMMA)
    assert faults == {0: "'1.234,5' is not a number (source.decimal is \",\"), at position 1 of 2"}


WITH_COMMAS: list[tuple[dict[str, Any], str, bytes]] = [
    ({"format": "wide", "values": ["v*"]}, "w.csv", b'label,v1,v2\na,"1,5",NA\na,"2,5","3,5"\n'),
    ({"format": "ucr", "delimiter": ";"}, "u.csv", b"a;1,5;NA\na;2,5;3,5\n"),
    ({"format": "csv"}, "c.csv", b'sequence,label\n"1,5;NA",a\n"2,5;3,5",a\n'),
    ({"format": "jsonl"}, "j.jsonl",
     b'{"sequence": "1,5;NA", "label": "a"}\n{"sequence": "2,5 3,5", "label": "a"}\n'),
    ({"format": "long", "id": "id"}, "l.csv",
     b'id,time,value,label\nx,1,"1,5",a\nx,2,NA,a\ny,1,"2,5",a\ny,2,"3,5",a\n'),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "name", "data"), WITH_COMMAS)
def test_every_format_of_text_reads_decimal_commas(
    tmp_path: Path, settings: dict[str, Any], name: str, data: bytes
) -> None:
    result = read_bytes(tmp_path, data, "series", name=name, decimal=",", missing=["NA"], **settings)
    assert result.refused == []
    first = [1.5] if settings["format"] in ("wide", "ucr") else [1.5, None]  # missing at the end is padding there
    assert result.rows == [([first], "a"), ([[2.5, 3.5]], "a")]


@pytest.mark.parametrize("delimiter", [None, " "])
def test_runs_of_blanks_separate_the_values_of_ucr(tmp_path: Path, delimiter: str | None) -> None:
    """Older files pad their columns with blanks; one blank each once made every second value missing."""
    data = b"  1.0000000e+00   1.5e+00  -2.0e+00\n  2.0000000e+00   NaN       3.0e+00\n"
    result = read_bytes(tmp_path, data, "series", format="ucr", name="a.txt", delimiter=delimiter)
    assert result.refused == []
    assert result.rows == [([[1.5, -2.0]], "1"), ([[None, 3.0]], "2")]


BAD = [
    "1 1e999",
    "1 inf",
    "1 -Infinity",
    "1 １",
    "1 ٣",
    "1 abc",
    "1 0x10",
    "1 1_0",
    "1 nan(2)",
    "1 3.5e38",
    "1 --2",
    "1 Nothing",
]


@pytest.mark.parametrize("cell", BAD)
def test_a_cell_that_is_no_finite_number_is_rejected_with_its_position(cell: str) -> None:
    _, faults = parse_cells(pa.array(["5 6 7", cell], pa.string()))
    assert list(faults) == [1]
    assert repr(cell.split()[1]) in faults[1]
    assert "position 2 of 2" in faults[1]


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
        min_size=1,
        max_size=5,
    )
)
def test_numbers_written_as_text_come_back(rows: list[list[float]]) -> None:
    for form in (json.dumps, lambda row: " ".join(map(repr, row)), lambda row: ";".join(map(repr, row))):
        lists, faults = parse_cells(pa.array([form(row) for row in rows]))
        assert faults == {}
        assert lists.to_pylist() == rows


def test_one_column_a_channel_must_be_equally_long(tmp_path: Path) -> None:
    result = read_bytes(
        tmp_path, b'x,y,label\n1 2,3 4,a\n1 2,3,b\n1 ?,3 4,c\n"1,x",3 4,d\n', "series", channels=["x", "y"]
    )
    assert result.rows == [([[1, 2], [3, 4]], "a"), ([[1, None], [3, 4]], "c")]
    assert result.refused[0] == (2, "channels", "channel 'x' has 2 values, 'y' has 1")
    assert result.rejects["columns"].to_pylist()[1] == ["x"]


def test_json_cells_of_several_channels(tmp_path: Path) -> None:
    data = b'sequence,label\n"[[1,2],[3,null]]",a\n"[[1,2],[3]]",b\n5 6,c\n"[[1,""2""]]",d\n"[[1,",e\n'
    result = read_bytes(tmp_path, data, "series")
    assert result.rows == [([[1, 2], [3, None]], "a"), ([[5, 6]], "c")]
    assert [row for row, _, _ in result.refused] == [2, 4, 5]


def test_ucr_trims_padding_keeps_gaps_and_writes_whole_labels_as_integers(tmp_path: Path) -> None:
    data = b"1.0000000e+00\t1\tNaN\t3\tNaN\tNaN\n-1\t4\t5\t6\t7\t8\n\nwalk\t\t2\t\t\t\n1.5\t1\tx\t3\n2\n"
    result = read_bytes(tmp_path, data, "series", format="ucr", name="a.tsv")
    assert result.rows == [([[1, None, 3]], "1"), ([[4, 5, 6, 7, 8]], "-1"), ([[None, 2]], "walk")]
    assert [(row, rule) for row, rule, _ in result.refused] == [(4, "number"), (5, "fields")]


def test_ts_with_unequal_lengths_missing_values_and_faults(tmp_path: Path) -> None:
    head = b"#note\n@problemName p\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n"
    data = head + b"1,2:3,?:a\n1:2:b\n\n1,2:3:a\n1,2,3:a\n1,z:3,4:b\n"
    result = read_bytes(tmp_path, data, "series", format="ts", name="a.ts")
    assert result.rows == [([[1, 2], [3, None]], "a"), ([[1], [2]], "b")]
    assert [(row, rule) for row, rule, _ in result.refused] == [(3, "channels"), (4, "channels"), (5, "number")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"@timeStamps true\n", "time stamps"),
        (b"@classLabel false\n", "classLabel false"),
        (b"1,2:a\n", "before @data"),
        (b"", "no @data"),
    ],
)
def test_ts_files_of_other_kinds_are_refused(tmp_path: Path, line: bytes, message: str) -> None:
    with pytest.raises(DataRefused, match=message):
        read_bytes(tmp_path, b"@problemName p\n" + line, "series", format="ts", name="a.ts")


def test_arff_univariate(tmp_path: Path) -> None:
    data = b"% UCR\n@relation r\n@attribute a1 numeric\n@attribute a2 numeric\n@attribute a3 REAL\n"
    data += b"@attribute target {1,2}\n\n@data\n1,?,3,1\n4,5,?,2\n1,2,1\n1,q,3,2\n"
    result = read_bytes(tmp_path, data, "series", format="arff", name="a.arff")
    assert result.rows == [([[1, None, 3]], "1"), ([[4, 5]], "2")]
    assert [(row, rule) for row, rule, _ in result.refused] == [(3, "fields"), (4, "number")]


NUMBERS = "@attribute a numeric\n@attribute b REAL\n"
HEADS = [
    ("@attribute target {1,2}\n" + NUMBERS, "1,5,6", {}, ([[5, 6]], "1", None)),
    (NUMBERS + "@attribute class {x,y}\n", "5\t6\ty", {}, ([[5, 6]], "y", None)),
    (
        NUMBERS + "@attribute 'the class' {'left hand', \"right,hand\"}\n",
        '5,6,"right,hand"',
        {},
        ([[5, 6]], "right,hand", None),
    ),
    (
        "@attribute rec string\n" + NUMBERS + "@attribute class {x}\n",
        "'r 1',5,6,x",
        {"id": "rec"},
        ([[5, 6]], "x", "r 1"),
    ),
    (
        "@attribute id numeric\n@attribute s relational\n@attribute t numeric\n@end s\n@attribute class {x}\n",
        "7,'1,2\\n3,4',x",
        {"id": "id"},
        ([[1, 2], [3, 4]], "x", "7"),
    ),
    (NUMBERS + "@attribute sex {m,f}\n@attribute class {x}\n", "", {}, "2 nominal attributes: 'sex', 'class'"),
    ("@attribute id numeric\n" + NUMBERS + "@attribute class {x}\n", "", {}, "'id' whose name is that of an id"),
    ("@attribute day date\n" + NUMBERS + "@attribute class {x}\n", "", {}, "'day' of type date"),
    (NUMBERS + "@attribute class {x}\n", "{0 1.5, 2 x}", {}, "a sparse row, which is not read"),
    (NUMBERS + "@attribute class {x}\n", "1,2,x,{0.5}", {}, "a row with a weight, {0.5}, which is not read"),
    (NUMBERS + "@attribute class {x}\n", "1,2,x", {"id": "rec"}, "no attribute 'rec'"),
]


@pytest.mark.parametrize(("head", "row", "settings", "expected"), HEADS)
def test_the_head_of_an_arff_file_is_believed(
    tmp_path: Path, head: str, row: str, settings: dict[str, Any], expected: Any
) -> None:
    """A class that stood first was once a measurement, and the last measurement the class."""
    data = f"@relation r\n{head}@data\n{row}\n".encode()
    if isinstance(expected, str):
        with pytest.raises(DataRefused) as caught:
            read_bytes(tmp_path, data, "series", format="arff", name="a.arff", **settings)
        assert expected in str(caught.value)
        return
    result = read_bytes(tmp_path, data, "series", format="arff", name="a.arff", **settings)
    [found] = result.table.to_pylist()
    name = found["id"] if settings else None
    assert (found["sequence"], found["label"], name) == expected


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("arff", NUMBERS + "@attribute c {x,y}\n@data\n1,2,x\n1,2,z\n1,2,?\n"),
        ("ts", "@univariate true\n@classLabel true x y\n@data\n1,2:x\n1,2:z\n1,2:?\n"),
    ],
)
def test_a_class_that_the_head_does_not_name_is_rejected(tmp_path: Path, form: str, data: str) -> None:
    result = read_bytes(tmp_path, data.encode(), "series", format=form, name=f"a.{form}")
    assert [label for _, label in result.rows] == ["x", None]
    assert result.refused == [(2, "fields", "class 'z' is not among those of the head: x, y")]


def test_arff_multivariate(tmp_path: Path) -> None:
    head = b"@relation r\n@attribute x relational\n"
    head += b"  @attribute t1 numeric\n  @attribute t2 numeric\n@end x\n@attribute class {go,stop}\n@data\n"
    data = head + b"'1,2\\n3,?',go\n\"5,6\\n7,8\",'stop'\n'1,2',go\n1,2,go\n"
    result = read_bytes(tmp_path, data, "series", format="arff", name="a.arff")
    assert result.rows == [([[1, 2], [3, None]], "go"), ([[5, 6], [7, 8]], "stop")]
    assert [row for row, _, _ in result.refused] == [3, 4]


def test_wide_columns_stand_in_the_order_of_the_file_and_end_in_padding(tmp_path: Path) -> None:
    data = b"label,v-1,v2,v10,who\na,1,2,3,anna\nb,,5,,bob\nc,1,x,2,carl\nd,,,,dora\n"
    result = read_bytes(tmp_path, data, "series", format="wide", values=["v*"], group="who")
    assert result.rows == [([[1, 2, 3]], "a"), ([[None, 5]], "b"), ([[]], "d")]
    assert result.rejects["columns"].to_pylist() == [["v2"]]
    with pytest.raises(DataRefused, match="no column 'z\\*'"):
        read_bytes(tmp_path, data, "series", format="wide", values=["z*"])


LONG = {"format": "long", "id": "who", "position": "t", "channel": "axis", "group": "ward"}
LONG_ROWS = """who,t,axis,value,label,ward
p2,2,y,6,sick,A
p1,1,x,1,well,B
p2,1,x,3,sick,A
p1,1,y,2,well,B
p2,2,x,4,sick,A
p3,1,x,1,well,C
p3,2,x,2,sick,C
p4,1,x,1,well,C
p4,1,x,2,well,C
p5,1,x,oops,well,C
p5,2,x,7,well,C
,1,x,1,well,C
p6,1,x
p7,,x,1,well,D
"""


def test_long_rows_become_one_series_an_id(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, LONG_ROWS.encode(), "series", **LONG)
    assert result.table["id"].to_pylist() == ["p2", "p1"]
    assert result.rows == [([[3, 4], [None, 6]], "sick"), ([[1], [2]], "well")]
    assert result.table["source_row"].to_pylist() == [1, 2]
    assert result.table["group"].to_pylist() == ["A", "B"]
    by_row = {row: (rule, reason) for row, rule, reason in result.refused}
    assert {row: rule for row, (rule, _) in by_row.items()} == {
        6: "constant",
        8: "twice",
        10: "number",
        12: "id",
        13: "fields",
        14: "number",
    }
    assert by_row[6][1] == "'well' and 'sick' in one series; a series has one class: cut it where the class changes"
    assert by_row[8][1] == "records 8 and 9 give the same channel and position"
    assert "record 10, value: 'oops'" in by_row[10][1]
    assert result.rows_in == 8  # 6 series and 2 records that belong to none


def test_long_rows_in_any_order_over_any_number_of_partitions_are_the_same_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    expected = {f"id{n}": rng.integers(0, 9, (2, 1 + n % 5)).astype(float).tolist() for n in range(40)}
    rows = [
        f"{name},{t},{'xy'[c]},{values[c][t]},l"
        for name, values in expected.items()
        for c in range(2)
        for t in range(len(values[0]))
    ]
    random.Random(1).shuffle(rows)
    data = "\n".join(["who,t,axis,value,label", *rows]).encode()
    options = LONG | {"group": None}
    whole = read_bytes(tmp_path, data, "series", **options)
    monkeypatch.setattr(long_module, "BYTES_PER_PARTITION", 300)
    parts = read_bytes(tmp_path, data, "series", **options)
    for result in (whole, parts):
        assert dict(zip(result.table["id"].to_pylist(), result.series, strict=True)) == expected
    assert whole.table["source_row"].to_pylist() == sorted(whole.table["source_row"].to_pylist())


def test_long_rows_of_an_unknown_channel_are_named(tmp_path: Path) -> None:
    result = read_bytes(
        tmp_path,
        b"who,t,axis,value,label\na,1,x,1,l\na,1,z,1,l\n",
        "series",
        **(LONG | {"group": None}),
        channels=["x", "y"],
    )
    assert result.refused == [(1, "channels", "record 2: channel 'z'; expected one of x, y")]


def test_lists_that_python_printed(tmp_path: Path) -> None:
    data = b'sequence,label\n"[1.5, None, 3]",a\n"[nan, None]",b\n"[array(1), 2]",a\n'
    result = read_bytes(tmp_path, data, "series")
    assert result.series == [[[1.5, None, 3]], [[None, None]]]
    assert result.refused[0][2].startswith("'array(1)' is not a number")


def test_ucr_with_semicolons_and_decimal_commas_between_blanks(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"1;2;3\n2;4;5\n", "series", format="ucr").series == [[[2, 3]], [[4, 5]]]
    with_commas = read_bytes(tmp_path, b"1;2,5;3\n", "series", format="ucr", decimal=",")
    assert with_commas.series == [[[2.5, 3]]]
    cells = read_bytes(tmp_path, b'sequence,label\n"-0,02 -0,31 0,5",a\n', "series")
    assert 'source.decimal = "," reads decimal commas' in cells.refused[0][2]


def test_a_first_line_that_is_no_header_is_suspected(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"if the first line is a record, set source.header = false"):
        read_bytes(tmp_path, b"0.1,0.2,0.3,1\n0.4,0.5,0.6,2\n", "series", format="wide", values=["v*"], label="y")
    with pytest.raises(DataRefused, match=r"""names in apostrophes: set source.quote = "'\""""):
        read_bytes(tmp_path, b"'x','y'\n1,a\n", "series", sequence="x", label="y")
    quoted = read_bytes(tmp_path, b"'x','y'\n'1 2','a'\n", "series", sequence="x", label="y", quote="'")
    assert quoted.rows == [([[1, 2]], "a")]


def test_a_recording_without_values_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"no column of values: the columns are 'time', 'who'"):
        read_bytes(tmp_path, b"time,who\n0,a\n", "series", format="recording", group="who", labels={"*": "x"})
