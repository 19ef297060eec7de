"""NumPy and Arrow files, and values within structs and lists of Arrow columns."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from seqcls.errors import DataRefused
from seqcls.table import Kind
from tests.seqcls.reading_files import Read, read

X = np.array([[1.5, 2, np.nan], [4, 5, 6], [7, 8, 1e300]])
ROWS = [([[1.5, 2, None]], "up"), ([[4, 5, 6]], "down")]


def numpy_file(folder: Path, arrays: dict[str, Any], kind: Kind = "series", **options: Any) -> Read:
    np.savez_compressed(folder / "a.npz", **arrays)
    return read(folder, kind, format="numpy", files=["a.npz"], **({"sequence": "X", "label": "y"} | options))


def test_an_archive_has_sequences_classes_and_ids(tmp_path: Path) -> None:
    names = np.array(["up", "down", "down"])
    result = numpy_file(tmp_path, {"X": X, "y": names, "who": np.array([7, 8, 9])}, id="who")
    assert result.rows == ROWS
    assert result.table["id"].to_pylist() == ["7", "8"]
    assert result.refused == [(3, "number", "1e+300 is not finite (float32 ends at 3.4e38), at position 3 of 3")]
    numbers = numpy_file(tmp_path, {"X": X[:2], "y": np.array([1.0, 2.0])})
    assert numbers.table["label"].to_pylist() == ["1", "2"]


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.float16, np.float32, ">f8", bool])
def test_several_channels_of_each_type(tmp_path: Path, kind: Any) -> None:
    values = np.arange(12).reshape(2, 2, 3).astype(kind)
    result = numpy_file(tmp_path, {"X": values, "y": np.array(["a", "b"])})
    assert result.series == values.astype(float).tolist()


def test_texts(tmp_path: Path) -> None:
    result = numpy_file(tmp_path, {"X": np.array(["good é", ""]), "y": np.array(["a", "b"])}, "text")
    assert result.rows == [("good é", "a"), ("", "b")]


def test_one_array_with_classes_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcls.sources.numpy_arrays.CELLS_PER_BATCH", 4)
    np.save(tmp_path / "x.npy", X[:2])
    (tmp_path / "y.txt").write_text("up\ndown\n")
    options = {"format": "numpy", "files": ["x.npy"]}
    assert read(tmp_path, "series", label_files=["y.txt"], **options).rows == ROWS
    assert read(tmp_path, "series", labelled=False, **options).series == [row for row, _ in ROWS]


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.array([[1], [2, 3]], dtype=object)), "an array of Python objects, which only unpickling could read"),
        (npy(X)[:-9], "needs 72 bytes, and the file has|the data end after"),
        (npy(X).replace(b"(3, 3)", b"(9, 9)"), "needs 648 bytes"),
        (npy(X[0]), r"shape \(3,\) and type float64; expected numbers of shape"),
        (npy(np.array(["a"])), r"type <U1; expected numbers"),
        (npy(np.asfortranarray(X)), "stored column by column.*np.ascontiguousarray"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 65535, "not a valid NumPy file"),
        (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.", "not a valid NumPy file"),
        (b"x,y\n1,2\n", "not a valid NumPy file"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_rows_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(DataRefused, match=message):
        read(tmp_path, "series", labelled=False, format="numpy", files=["x.npy"])


def test_archives_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"no column 'y'.*found: 'X', 'z'"):
        numpy_file(tmp_path, {"X": X, "z": X})
    with pytest.raises(DataRefused, match="3 sequences and 2 values of label"):
        numpy_file(tmp_path, {"X": X, "y": np.array(["a", "b"])})
    with pytest.raises(DataRefused, match="more than 1000 bytes after unpacking"):
        numpy_file(tmp_path, {"X": np.zeros((9, 99)), "y": np.zeros(9)}, max_file_bytes=1000)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("X.npy", npy(X[:2])[:-1])
        archive.writestr("y.npy", npy(np.array(["a", "b"])))
    with pytest.raises(DataRefused, match=r"needs 48 bytes|the data end"):
        read(tmp_path, "series", format="numpy", files=["b.npz"], sequence="X", label="y")


NAMES = {b"huggingface": json.dumps({"info": {"features": {"label": {"names": ["neg", "pos"]}}}}).encode()}


def arrow_file(path: Path, table: pa.Table, how: str) -> None:
    if how == "feather":
        feather.write_feather(table, path, compression="zstd")
        return
    new = pa.ipc.new_stream if how == "stream" else pa.ipc.new_file
    with new(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


@pytest.mark.parametrize("how", ["stream", "file", "feather"])
def test_arrow_of_each_sort(tmp_path: Path, how: str) -> None:
    columns = {"text": pa.array(["ab", None, "cd"]).dictionary_encode(), "label": pa.array([1, 0, 7])}
    (tmp_path / "ds").mkdir()
    arrow_file(tmp_path / "ds" / "data-00000-of-00001.arrow", pa.table(columns), how)
    (tmp_path / "ds" / "state.json").write_text("{}")
    result = read(tmp_path, format="arrow", files=["ds"], sequence="text")
    assert result.rows == [("ab", "1"), (None, "0"), ("cd", "7")]


def test_the_names_that_a_dataset_gives_its_classes(tmp_path: Path) -> None:
    table = pa.table({"sequence": ["ab", "cd", "ef", "gh"], "label": [1, 0, -1, 7]}).replace_schema_metadata(NAMES)
    arrow_file(tmp_path / "a.arrow", table, "stream")
    assert read(tmp_path, format="arrow", files=["a.arrow"]).table["label"].to_pylist() == ["pos", "neg", None, "7"]


def test_arrow_series_and_wide_columns(tmp_path: Path) -> None:
    table = pa.table({"s": [[1.0, 2.0]], "v1": [3], "v2": [4], "label": ["x"]})
    arrow_file(tmp_path / "a.arrow", table, "file")
    assert read(tmp_path, "series", format="arrow", files=["a.arrow"], sequence="s").series == [[[1, 2]]]
    assert read(tmp_path, "series", format="arrow", files=["a.arrow"], values="v*").series == [[[3, 4]]]


@pytest.mark.parametrize("how", ["stream", "file"])
def test_damaged_arrow_is_refused(tmp_path: Path, how: str) -> None:
    arrow_file(tmp_path / "a.arrow", pa.table({"sequence": ["ab" * 50] * 9, "label": ["x"] * 9}), how)
    data = (tmp_path / "a.arrow").read_bytes()
    for name, bad in {
        "cut": data[: len(data) // 2],
        "text": b"sequence,label\n",
        "bits": data.replace(b"ab", b"\xff\xff"),
    }.items():
        (tmp_path / f"{name}.arrow").write_bytes(bad)
        with pytest.raises(DataRefused, match=r"not a valid Arrow file|columns found"):
            read(tmp_path, format="arrow", files=[f"{name}.arrow"])


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_fields_of_structs_and_lists_of_one_value(tmp_path: Path, form: str) -> None:
    table = pa.table({
        "data": [{"text": "one"}, {"text": "two"}, None, {"text": "four"}, {"text": "five"}],
        "label": [["a"], [], ["b"], ["a", "b"], None],
        "meta": [{"by": {"who": number}} for number in range(5)],
    })  # fmt: skip
    if form == "parquet":
        pq.write_table(table, tmp_path / "a")
    else:
        arrow_file(tmp_path / "a", table, "file")
    options = {"format": form, "files": ["a"], "sequence": "data.text", "label": "label[0]", "group": "meta.by.who"}
    result = read(tmp_path, **options)
    assert result.rows == [("one", "a"), ("two", None), (None, "b"), ("five", None)]
    assert result.table["group"].to_pylist() == ["0", "1", "2", "4"]
    assert result.refused == [(4, "type", "2 values ['a', 'b'] where a list of one value is expected")]
    assert read(tmp_path, labelled=False, **options).table.num_rows == 5
    with pytest.raises(DataRefused, match=r"no column 'data.txt'"):
        read(tmp_path, **(options | {"sequence": "data.txt"}))
