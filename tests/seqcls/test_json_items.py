"""A JSON array of objects is read like one object a line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from seqcls.errors import DataRefused
from seqcls.sources import blocks, json_items
from tests.seqcls.reading_files import read_bytes

ROWS = [{"text": f'say "{number}", [or] {{not}} é', "label": "ab"[number % 2], "n": number} for number in range(50)]
WANTED = [(row["text"], row["label"]) for row in ROWS]
OPTIONS = {"format": "jsonl", "sequence": "text", "label": "label"}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [7, 64, 1 << 22])
def test_an_array_is_read_item_by_item_wherever_the_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, size: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    data = b"\xef\xbb\xbf \n" + json.dumps(ROWS, indent=indent, ensure_ascii=False).encode() + b"\n"
    result = read_bytes(tmp_path, data, name="rows.json", **OPTIONS)
    assert (result.rows, result.rows_in) == (WANTED, 50)
    packed = read_bytes(tmp_path, gzip.compress(data), name="rows.json.gz", **OPTIONS)
    assert packed.rows == WANTED


def test_an_item_that_is_no_object_is_rejected_alone(tmp_path: Path) -> None:
    data = b'[{"text": "one", "label": "a"}, [1, 2], 35, {"text": "two", "label": "b"}, {"text": "x", "text": "y"}]'
    result = read_bytes(tmp_path, data, **OPTIONS)
    assert result.rows == [("one", "a"), ("two", "b")]
    assert [(row, rule) for row, rule, _ in result.refused] == [(2, "json"), (3, "json"), (5, "json")]


def test_an_empty_array_is_no_row(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b" [ ]\n", **OPTIONS).rows_in == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'[{"text": "one", "label": "a"}, {"text": "tw', r"data\.csv:2: item 2 is not JSON \(Unterminated string"),
        (b'[{"text": "one", "label": "a"}', "the file ends within record 2: the array has no ]"),
        (b'[{"text": "one", "label": "a"} {"text": "two"}]', "data.csv:2: '{' where a comma or ] is expected"),
        (b'[{"text": "one", "label": "a"}]\n{"text": "two"}', "text after the array"),
        (b'[{"text": "one", "label": "a"}, ]', "item 2 is not JSON"),
        (b'[,{"text": "one"}]', "item 1 is not JSON"),
        (b'[{"text": "\xff", "label": "a"}]', "byte 0xff is not utf-8; .*set source.encoding"),
    ],
)
def test_a_damaged_array_is_refused_with_the_place(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(DataRefused, match=said):
        read_bytes(tmp_path, data, **OPTIONS)


def test_a_long_item_is_rejected_alone(tmp_path: Path) -> None:
    data = json.dumps([{"text": "x" * 5000, "label": "a"}, {"text": "short", "label": "b"}]).encode()
    result = read_bytes(tmp_path, data, max_row_bytes=1000, **OPTIONS)
    assert result.rows == [("short", "b")]
    assert [(row, rule) for row, rule, _ in result.refused] == [(1, "row_bytes")]


def test_an_item_longer_than_a_row_may_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    monkeypatch.setattr(json_items, "BLOCK_BYTES", 100)
    data = json.dumps([{"text": "x" * 5000, "label": "a"}]).encode()
    with pytest.raises(DataRefused, match=r"item 1 is not JSON .*or longer than 1000 bytes"):
        read_bytes(tmp_path, data, max_row_bytes=1000, **OPTIONS)
