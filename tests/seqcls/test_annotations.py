"""Exports of annotation tools, as the tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.seqcls.reading_files import Read, read_bytes


def export(folder: Path, form: str, rows: list[Any], *, as_array: bool = False, **options: Any) -> Read:
    lines = json.dumps(rows, indent=1) if as_array else "\n".join(map(json.dumps, rows))
    return read_bytes(folder, lines.encode(), name="export.json", format=form, **options)


def task(number: int, *chosen: list[str] | None, cancelled: bool = False) -> dict[str, Any]:
    """A task of Label Studio with one annotation for each list of choices."""
    annotations = [
        {"result": [] if choices is None else [{"type": "choices", "value": {"choices": choices}}],
         "was_cancelled": cancelled}
        for choices in chosen
    ]  # fmt: skip
    return {"id": number, "data": {"body": f"text {number}"}, "annotations": annotations}


def test_label_studio(tmp_path: Path) -> None:
    rows = [
        task(1, ["team a"]), task(2, ["team b"], ["team b"]), task(3), task(4, None), task(5, ["x"], cancelled=True),
        task(6, ["x"], ["y"]), task(7, ["x", "y"]), 5,
    ]  # fmt: skip
    result = export(tmp_path, "label-studio", rows, as_array=True, sequence="body", id="id")
    assert result.rows == [
        ("text 1", "team a"), ("text 2", "team b"), ("text 3", None), ("text 4", None), ("text 5", None),
    ]  # fmt: skip
    assert result.table["id"].to_pylist() == ["1", "2", "3", "4", "5"]
    assert result.refused == [
        (6, "label", "annotators disagree: x, y"),
        (7, "label", "2 classes: x, y; a row has one"),
        (8, "json", "a JSON int where an object is expected"),
    ]
    new = export(tmp_path, "label-studio", rows[:-1], as_array=True, sequence="body", labelled=False)
    assert new.table.num_rows == 7


def test_label_studio_min_and_csv(tmp_path: Path) -> None:
    rows = [{"text": "one", "team": "a"}, {"text": "two", "team": {"choices": ["a", "b"]}}, {"text": "six"}]
    result = export(tmp_path, "label-studio", rows, as_array=True, sequence="text", label="team")
    assert result.rows == [("one", "a"), ("six", None)]
    assert result.refused == [(2, "label", "2 classes: a, b; a row has one")]
    data = b'text,team\none,a\ntwo,"{""choices"":[""a"",""b""]}"\n'
    table = read_bytes(tmp_path, data, sequence="text", label="team")
    assert table.rows == [("one", "a")]
    assert table.refused == [(2, "label", '{"choices":["a","b"]} is a list of choices; a row has one class')]


def test_doccano(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "text": "one", "label": ["a"]}, {"id": 8, "text": "two", "label": []},
        {"id": 9, "text": "six", "label": ["a", "b"]}, {"id": 10, "text": "ten", "label": [[0, 2, "PER"]]},
    ]  # fmt: skip
    result = export(tmp_path, "doccano", rows, id="id")
    assert result.rows == [("one", "a"), ("two", None)]
    assert [reason for _, _, reason in result.refused] == [
        "2 classes: a, b; a row has one", "labels of parts of the text; a row has one class",
    ]  # fmt: skip


def test_prodigy_and_spacy(tmp_path: Path) -> None:
    rows = [
        {"text": "one", "accept": ["a"], "answer": "accept"}, {"text": "two", "accept": [], "answer": "accept"},
        {"text": "six", "accept": ["a"], "answer": "ignore"}, {"text": "ten", "label": "b", "answer": "accept"},
        {"text": "hat", "cats": {"a": 0.0, "b": 1.0}}, {"text": "cat", "cats": {"a": 1, "b": 1}},
        {"text": "dog", "cats": {"a": 0, "b": 0}},
    ]  # fmt: skip
    result = export(tmp_path, "prodigy", rows, sequence="text", label="team")
    assert result.rows == [("one", "a"), ("two", None), ("ten", "b"), ("hat", "b"), ("dog", None)]
    assert [(row, reason) for row, _, reason in result.refused] == [
        (3, "the answer is 'ignore'"), (6, "2 classes: a, b; a row has one"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["label-studio", "doccano", "prodigy"])
@pytest.mark.parametrize(
    "row", [{}, {"text": 5, "label": {}}, {"data": 3, "annotations": 5}, {"annotations": [1]}, {"accept": 3, "cats": 1}]
)
def test_an_odd_object_is_rejected_or_has_no_class(tmp_path: Path, form: str, row: Any) -> None:
    result = export(tmp_path, form, [row, {"text": "ok", "label": "a"}])
    assert result.rows[-1] == ("ok", "a")


def test_objects_over_several_lines(tmp_path: Path) -> None:
    rows = [{"text": f"text {at}", "label": "a", "more": {"n": [at]}} for at in range(5)]
    data = "\n".join(json.dumps(row, indent=2) for row in rows)
    options = {"format": "jsonl", "name": "pretty.json", "sequence": "text"}
    assert read_bytes(tmp_path, data.encode(), **options).rows == [(row["text"], "a") for row in rows]
    with pytest.raises(Exception, match=r"item 5 is not JSON"):
        read_bytes(tmp_path, data[:-20].encode(), **options)


def test_columns_of_rows_are_named(tmp_path: Path) -> None:
    data = json.dumps({"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}}).encode()
    with pytest.raises(Exception, match=r"one object of columns, 2 rows in each.*orient=.records., lines=True"):
        read_bytes(tmp_path, data, name="a.json", format="jsonl", sequence="text")
