"""One column per time point: by name, by pattern, by position, for several channels, as text and in Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from tests.seqcls.reading_files import Read, read, read_bytes

TABLE = b"who,a1,a2,a3,b1,b2,b3,label\np,1,2,3,4,5,6,up\nq,1,,,4,5,,down\nr,,2,3,4,,6,up\n"
BOTH = [[[1, 2, 3], [4, 5, 6]], [[1, None], [4, 5]], [[None, 2, 3], [4, None, 6]]]


@pytest.mark.parametrize(
    "values",
    [{"a": "a*", "b": "b*"}, {"a": ["a1", "a2", "a3"], "b": ["b[1-3]"]}, {"a": "1:4", "b": "4:7"}],
)
def test_several_channels_keep_one_length(tmp_path: Path, values: Any) -> None:
    assert read_bytes(tmp_path, TABLE, "series", format="wide", values=values).series == BOTH


def test_channels_of_unequal_length_are_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"channel 'a' has 3 columns, channel 'b' has 2"):
        read_bytes(tmp_path, TABLE, "series", format="wide", values={"a": "a*", "b": ["b1", "b3"]})


@pytest.mark.parametrize("values", ["0:3", ["0", "1", "2"], [":2", "2:3"]])
def test_a_file_without_a_header_is_read_by_position(tmp_path: Path, values: Any) -> None:
    data = b"1.5,2,3,7\n4,5,,8\n"
    result = read_bytes(tmp_path, data, "series", format="wide", header=False, values=values, label="3")
    assert result.rows == [([[1.5, 2, 3]], "7"), ([[4, 5]], "8")]
    text = read_bytes(tmp_path, b"x;good text\ny;bad text\n", header=False, delimiter=";", sequence="1", label="0")
    assert text.rows == [("good text", "x"), ("bad text", "y")]


def test_positions_that_the_file_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"4 columns, and source.values asks for 0:9.* within 0:4"):
        read_bytes(tmp_path, b"1,2,3,a\n", "series", format="wide", header=False, values="0:9", label="3")
    with pytest.raises(DataRefused, match=r"no column 'label'.*found: .0., .1., .2., .3."):
        read_bytes(tmp_path, b"1,2,3,a\n", "series", format="wide", header=False, values="0:3")


def test_lines_to_skip_before_records_without_a_header(tmp_path: Path) -> None:
    data = b"made by a logger\n1,2,up\n3,4,down\n"
    options = {"format": "wide", "header": False, "skip_lines": 1, "values": "0:2"}
    assert read_bytes(tmp_path, data, "series", **options, label="2").series == [[[1, 2]], [[3, 4]]]
    named = read_bytes(tmp_path, data, "series", **(options | {"columns": ["x", "y", "label"], "values": ["x", "y"]}))
    assert named.series == [[[1, 2]], [[3, 4]]]


def parquet(folder: Path, columns: dict[str, Any], values: Any, **options: Any) -> Read:
    pq.write_table(pa.table(columns), folder / "w.parquet")
    return read(folder, "series", format="parquet", files=["w.parquet"], values=values, **options)


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int16(), pa.string(), pa.decimal128(9, 2)])
def test_wide_parquet_is_read_as_the_same_table_in_text(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {
        name: pa.array([float(number), None], pa.float64()).cast(pa.float64() if pa.types.is_string(kind) else kind)
        for number, name in enumerate(["t0", "t10", "t2", "u0", "u10", "u2"])
    }
    if pa.types.is_string(kind):
        columns = {name: column.cast(kind) for name, column in columns.items()}
    result = parquet(tmp_path, columns | {"label": ["x", "y"]}, {"t": "t*", "u": "u*"})
    assert result.rows == [([[0, 1, 2], [3, 4, 5]], "x"), ([[], []], "y")]


def test_wide_parquet_names_what_is_no_number(tmp_path: Path) -> None:
    result = parquet(tmp_path, {"a": ["1", "many"], "b": [1e300, 2.0], "label": ["x", "y"]}, ["a", "b"])
    assert [reason for _, _, reason in result.refused] == [
        "1e+300 is not finite (float32 ends at 3.4e38)", "'many' is not a number",
    ]  # fmt: skip
    with pytest.raises(DataRefused, match=r"the column has type list.*expected numbers"):
        parquet(tmp_path, {"a": [[1], [2]], "label": ["x", "y"]}, ["a"])


@pytest.mark.slow
def test_many_columns_are_read_a_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcls.sources.columnar.CELLS_PER_BATCH", 20)
    columns = {f"v{at}": [float(at)] * 50 for at in range(9)} | {"label": ["x"] * 50}
    result = parquet(tmp_path, columns, "v*")
    assert result.series == [[[float(at) for at in range(9)]]] * 50


def test_channels_beside_values_have_no_meaning() -> None:
    with pytest.raises(ValueError, match=r'write values = \{CHANNEL = "COLUMNS\*"'):
        SourceConfig(format="parquet", files=["a"], values=["v*"], channels=["x"])
