"""One recording per file, and one file per channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources.discover import find_files
from tests.seqcls.reading_files import read, read_bytes

RECORDING: dict[str, Any] = {"format": "recording", "label_from": "folder"}


def recordings(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_file_is_a_series_with_its_name_as_id(tmp_path: Path) -> None:
    recordings(tmp_path, {
        "climb/a.csv": "time,height,speed\n0,1,9\n1,2,8\n2,,7\n",
        "descent/b.csv": "speed,time,height\n5,0,3\n",  # columns go by name
        "descent/c.csv": "time,height,speed\n",
    })  # fmt: skip
    result = read(tmp_path, "series", files=["*/*.csv"], **RECORDING)
    assert result.table["id"].to_pylist() == ["climb/a.csv", "descent/b.csv", "descent/c.csv"]
    assert result.rows == [
        ([[1, 2, None], [9, 8, 7]], "climb"), ([[3], [5]], "descent"), ([[], []], "descent"),
    ]  # fmt: skip
    new = read(tmp_path, "series", files=["*/*.csv"], labelled=False, channels=["speed"], format="recording")
    assert new.rows == [([[9, 8, 7]], None), ([[5]], None), ([[]], None)]


def test_columns_with_one_value_are_the_facts_of_the_recording(tmp_path: Path) -> None:
    text = "who,state,x\np1,idle,1\np1,,2\np1,idle,3\n"
    recordings(tmp_path, {"a.csv": text, "b.csv": text.replace("1,idle,3", "2,idle,3"), "c.csv": "who,state,x\n"})
    result = read(tmp_path, "series", files=["*.csv"], format="recording", label="state", group="who")
    assert result.rows == [([[1, 2, 3]], "idle"), ([[]], None)]
    assert result.table["group"].to_pylist() == ["p1", None]
    assert result.refused == [(1, "constant", "'p1' and 'p2' in one recording; a series has one")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("time,x\n0,1\n1,two\n", "record 2: 'two' is not a number"),
        ("time,x\n0,1\n0,2\n", "record 2: 0 does not come after the record before it"),
        ("time,x\n0,1\n1,2,3\n2,3\n", "record 2: expected 2 fields, got 3"),
        ("time,x\n2031-05-06,1\nlater,2\n", "record 2: 'later' is not an ISO 8601 time"),
    ],
)
def test_one_bad_record_rejects_the_recording_and_is_named(tmp_path: Path, text: str, reason: str) -> None:
    recordings(tmp_path, {"a/good.csv": "time,x\n0,1\n", "b/bad.csv": text})
    result = read(tmp_path, "series", files=["*/*.csv"], **RECORDING)
    assert result.rows == [([[1]], "a")]
    assert result.table["source_file"].to_pylist() == ["a/good.csv"]
    assert reason in result.refused[0][2]


def test_another_set_of_columns_is_refused_by_name(tmp_path: Path) -> None:
    labels = {"*": "a"}
    with pytest.raises(DataRefused, match=r"no column 'y'.*correct source.channels"):
        read_bytes(tmp_path, b"time,x\n0,1\n", "series", format="recording", channels=["x", "y"], labels=labels)


@pytest.mark.slow
def test_a_long_recording_in_many_blocks_is_one_row(tmp_path: Path) -> None:
    lines = "".join(f"{at},{at % 7}\n" for at in range(700_000))
    result = read_bytes(tmp_path, f"time,x\n{lines}".encode(), "series", format="recording", labels={"*": "x"})
    assert [len(channel) for channel in result.series[0]] == [700_000]
    small = read_bytes(
        tmp_path, f"time,x\n{lines}".encode(), "series", format="recording", labels={"*": "x"}, max_row_bytes=100_000
    )
    assert "a row may have 100000 (source.max_row_bytes)" in small.refused[0][2]


def test_equal_recordings_are_two_rows(tmp_path: Path) -> None:
    recordings(tmp_path, {"a/1.csv": "x\n1\n", "b/2.csv": "x\n1\n"})
    from seqcls.sources.discover import source_files

    assert len(source_files(SourceConfig(files=["*/*.csv"], **RECORDING), tmp_path)) == 2


HAR: dict[str, Any] = {
    "format": "wide", "header": False, "delimiter": " ", "values": ":", "channel_files": ["acc_x", "acc_y"],
    "label_files": ["y_train.txt"],
}  # fmt: skip


def test_one_file_per_channel_in_columns_of_blanks(tmp_path: Path) -> None:
    recordings(tmp_path, {
        "Signals/acc_x_train.txt": "  1.0e+00 -2.0e+00   3\n 4 5 6 \n 7 8 many\n",
        "Signals/acc_y_train.txt": " 1 2 3\n\t4  5 6\n7 8 9\n",
        "y_train.txt": "1\n2\n1\n",
    })  # fmt: skip
    result = read(tmp_path, "series", files=["Signals/acc_x_*.txt"], **HAR)
    assert result.rows == [([[1, -2, 3], [1, 2, 3]], "1"), ([[4, 5, 6], [4, 5, 6]], "2")]
    assert result.table["source_file"].to_pylist() == ["Signals/acc_x_train.txt"] * 2
    assert result.refused == [(3, "number", "'many' is not a number")]
    assert result.rejects["columns"].to_pylist() == [["acc_x 2"]]


def test_channels_of_unequal_length_or_number_are_named(tmp_path: Path) -> None:
    options = {"format": "ucr", "channel_files": ["acc_x", "acc_y"]}
    recordings(tmp_path, {"acc_x.tsv": "a\t1\t2\nb\t3\t4\n", "acc_y.tsv": "a\t1\t2\nb\t3\t\n"})
    result = read(tmp_path, "series", files=["acc_x.tsv"], **options)
    assert result.rows == [([[1, 2], [1, 2]], "a")]
    assert result.refused == [(2, "channels", "channel 'acc_x' has 2 values, 'acc_y' has 1")]
    recordings(tmp_path, {"acc_y.tsv": "a\t1\t2\n"})
    with pytest.raises(DataRefused, match="unequal numbers of rows: acc_x has 2, acc_y has 1"):
        read(tmp_path, "series", files=["acc_x.tsv"], **options)
    (tmp_path / "acc_y.tsv").unlink()
    with pytest.raises(DataRefused, match=r"no file of channel 'acc_y' belongs to it.*for 'acc_x'"):
        read(tmp_path, "series", files=["acc_x.tsv"], **options)


@pytest.mark.slow
def test_many_rows_are_joined_a_block_at_a_time(tmp_path: Path) -> None:
    rows = 120_000
    for name, width in (("p", 40), ("q", 12)):  # blocks end at other rows
        (tmp_path / f"{name}.tsv").write_text("".join(f"a\t{row:0{width}d}\n" for row in range(rows)))
    result = read(tmp_path, "series", files=["p.tsv"], format="ucr", channel_files=["p.", "q."])
    assert result.table.num_rows == rows
    assert result.table["source_row"].to_pylist() == list(range(1, rows + 1))
    assert result.series[-1] == [[rows - 1], [rows - 1]]


def test_another_channel_file_is_other_content(tmp_path: Path) -> None:
    source = SourceConfig(format="ucr", files=["p.tsv"], channel_files=["p", "q"])
    digests = set()
    for text in ("a\t1\n", "a\t2\n"):
        recordings(tmp_path, {"p.tsv": "a\t1\n", "q.tsv": text})
        digests |= {find_files(source, tmp_path)[0].digest}
    assert len(digests) == 2
