"""What stands elsewhere than in the row: classes in a file of their own, splits in a column, values of folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from tests.seqcls.reading_files import read, read_bytes

TABLE = {"file": "classes.tsv", "format": "tsv", "id": "acc", "label": "place"}
ROWS = {
    "a.csv": (b"key,sequence\nP1,one\nP2,two\nP9,nine\n", {"format": "csv", "id": "key"}),
    "a.jsonl": (b'{"key": "P1", "sequence": "one"}\n{"key": "P2", "sequence": "two"}\n{"key": "P9", "sequence": "x"}\n',
                {"format": "jsonl", "id": "key"}),
    "a.fa": (b">P1 first\nACGT\n>P2\nGGTT\n>P9 ninth\nAAAA\n", {"format": "fasta"}),
    "a.wide.csv": (b"key,v1\nP1,1\nP2,2\nP9,9\n", {"format": "wide", "id": "key", "values": "v*"}),
    "a.long.csv": (b"key,time,value\nP1,1,1\nP2,1,2\nP9,1,9\nP1,2,3\n", {"format": "long", "id": "key"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_classes_are_joined_by_the_id_in_every_format(tmp_path: Path, name: str) -> None:
    data, options = ROWS[name]
    (tmp_path / "classes.tsv").write_text("acc\tplace\nP2\tnucleus\nP1\tcytosol\nP7\tnucleus\n")
    kind: Any = {"fasta": "dna", "wide": "series", "long": "series"}.get(options["format"], "text")
    result = read_bytes(tmp_path, data, kind, name=name, label_table=TABLE, **options)
    assert result.table["id"].to_pylist() == ["P1", "P2"]
    assert result.table["label"].to_pylist() == ["cytosol", "nucleus"]
    [(row, rule, reason)] = result.refused
    assert (row, rule) == (3, "label")
    assert reason.startswith("no class for 'P9' in classes.tsv (it has 'P")
    new = read_bytes(tmp_path, data, kind, name=name, label_table=TABLE, labelled=False, **options)
    assert new.table["label"].null_count == 3


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_label_table_of_each_format(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pq.write_table(pa.table({"0": [1, 2], "1": ["x", "y"]}), tmp_path / "t")
    else:
        (tmp_path / "t").write_text("1,x\n2,y\n" if form == "csv" else '{"0": 1, "1": "x"}\n{"0": 2, "1": "y"}\n')
    table = {"file": "t", "format": form, "id": "0", "label": "1"} | ({"header": False} if form == "csv" else {})
    result = read_bytes(tmp_path, b"key,sequence\n2,two\n1,one\n", id="key", label_table=table)
    assert result.rows == [("two", "y"), ("one", "x")]


def test_a_table_may_name_files_instead_of_rows(tmp_path: Path) -> None:
    (tmp_path / "REFERENCE.csv").write_text("rec1,normal\nrec2.txt,noisy\nin/rec3.txt,other\n")
    (tmp_path / "in").mkdir()
    for name in ("rec1", "rec2", "rec3"):
        (tmp_path / "in" / f"{name}.txt").write_text(f"text of {name}")
    table = {"file": "REFERENCE.csv", "header": False, "id": "0", "label": "1"}
    result = read(tmp_path, format="folder", files=["in"], label_table=table)
    assert result.rows == [("text of rec1", "normal"), ("text of rec2", "noisy"), ("text of rec3", "other")]
    (tmp_path / "in" / "rec4.txt").write_text("text of rec4")
    assert "no class for 'rec4' in REFERENCE.csv" in read(
        tmp_path, format="folder", files=["in"], label_table=table
    ).refused[0][2]  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("acc\tplace\nP1\ta\nP1\tb\n", "'P1' has the classes 'a', 'b'.*one class for each id"),
        ("acc\tplace\nP1\ta\textra\nP2\tb\n", "classes.tsv:1: the label table cannot be read: expected 2 fields"),
        ("name\tplace\nP1\ta\n", "no column 'acc'"),
    ],
)
def test_a_table_that_is_not_sound_is_refused(tmp_path: Path, entries: str, message: str) -> None:
    (tmp_path / "classes.tsv").write_text(entries)
    with pytest.raises(DataRefused, match=message):
        read_bytes(tmp_path, ROWS["a.csv"][0], id="key", label_table=TABLE)


def test_another_class_table_is_other_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(ROWS["a.csv"][0])
    source = SourceConfig(format="csv", id="key", files=["a.csv"], label_table=TABLE)
    digests = set()
    for entries in ("acc\tplace\nP1\ta\n", "acc\tplace\nP1\tbb\n"):
        (tmp_path / "classes.tsv").write_text(entries)
        digests |= {find_files(source, tmp_path)[0].digest}
    assert len(digests) == 2
    assert find_files(source.for_new_data(), tmp_path)[0].digest not in digests


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "fasta", "wide"])
def test_classes_line_by_line_in_every_format(tmp_path: Path, form: str) -> None:
    (tmp_path / "y.txt").write_text("a\n\nb\n")
    kind: Any = {"fasta": "dna", "wide": "series"}.get(form, "text")
    data = {
        "csv": b"sequence\none\ntwo\nsix\n", "wide": b"v1\n1\n2\n6\n", "fasta": b">1\nA\n>2\nC\n>3\nG\n",
        "jsonl": b'{"sequence": "one"}\n{"sequence": "two"}\n{"sequence": "six"}\n',
    }  # fmt: skip
    if form == "parquet":
        pq.write_table(pa.table({"sequence": ["one", "two", "six"]}), tmp_path / "p")
        data["parquet"] = (tmp_path / "p").read_bytes()
    values = {"values": "v*"} if form == "wide" else {}
    options = {"name": "x", "format": form, "label_files": ["y.txt"], **values}
    assert read_bytes(tmp_path, data[form], kind, **options).table["label"].to_pylist() == ["a", None, "b"]
    (tmp_path / "y.txt").write_text("a\nb\n")
    with pytest.raises(DataRefused, match=r"3 rows, but 2 classes in y.txt"):
        read_bytes(tmp_path, data[form], kind, **options)


def test_a_column_gives_the_split(tmp_path: Path) -> None:
    data = b"sequence,label,part\na,x,train\nb,x,Dev\nc,x,test \nd,x,holdout\ne,x,\nf,x,Validation\n"
    result = read_bytes(tmp_path, data, split="part")
    assert result.table["split"].to_pylist() == ["train", "valid", "test", "valid"]
    assert [(row, rule) for row, rule, _ in result.refused] == [(4, "split"), (5, "split")]
    assert result.refused[0][2] == "'holdout'; expected train, valid or test"
    new = read_bytes(tmp_path, b"sequence\na\n", split="part", labelled=False)
    assert new.rows == [("a", None)]
    fasta = read_bytes(
        tmp_path, b">1|x|train\nAC\n>2|y|TEST\nGT\n", "dna", name="a.fa", format="fasta",
        label_pattern=r"\|(?P<label>\w+)\|(?P<split>\w+)",
    )  # fmt: skip
    assert fasta.table["split"].to_pylist() == ["train", "test"]


def test_several_texts_are_joined(tmp_path: Path) -> None:
    data = b"title,body,label\nGood, all of it ,x\n,only a body,x\nonly a title,  ,x\n,,x\n"
    result = read_bytes(tmp_path, data, sequence=["title", "body"])
    assert [text for text, _ in result.rows] == ["Good  all of it ", "only a body", "only a title", ""]
    lines = b'{"title": "Good", "body": null, "label": "x"}\n{"title": null, "body": null, "label": "x"}\n'
    objects = read_bytes(tmp_path, lines, name="a.jsonl", format="jsonl", sequence=["title", "body"])
    assert [text for text, _ in objects.rows] == ["Good", None]
    pq.write_table(pa.table({"title": ["a", None], "body": ["b", "c"], "label": ["x", "x"]}), tmp_path / "a.parquet")
    columns = read(tmp_path, format="parquet", files=["a.parquet"], sequence=["body", "title"])
    assert [text for text, _ in columns.rows] == ["b a", "c"]


def test_values_of_folders_are_columns(tmp_path: Path) -> None:
    folder = tmp_path / "day=2031-05-06" / "label=so%20so"
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_text("sequence\nab\ncd\n")
    (folder / "part-1.csv").write_text("sequence,label\nef,own\n")
    result = read(tmp_path, format="csv", files=["day=*/*/*.csv"], time="day")
    assert result.rows == [("ab", "so so"), ("cd", "so so"), ("ef", "own")]
    assert {time.isoformat() for time in result.table["time"].to_pylist()} == {"2031-05-06T00:00:00+00:00"}
    missing = tmp_path / "label=__HIVE_DEFAULT_PARTITION__"
    missing.mkdir()
    pq.write_table(pa.table({"sequence": ["ab"]}), missing / "a.parquet")
    assert read(tmp_path, format="parquet", files=["label=*"]).rows == [("ab", None)]
    (folder / "c.txt").write_text("a text")
    assert read(tmp_path, format="folder", files=["day=*/*/c.txt"]).rows == [("a text", "so so")]


def test_a_file_in_another_folder_has_another_class_and_is_other_content(tmp_path: Path) -> None:
    source = SourceConfig(format="csv", files=["*/a.csv"])
    for name in ("label=x", "label=y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("sequence\nsame\n")
    one, other = [file for name in ("x", "y") for file in find_files(source, tmp_path, [f"label={name}/a.csv"])]
    assert one.digest != other.digest
    batches = [*read_file(replace(other), source, "text", labelled=True, folder=tmp_path)]
    assert batches[0].table["label"].to_pylist() == ["y"]


def test_the_class_of_a_file_in_formats_with_columns(tmp_path: Path) -> None:
    data = b"v1,v2\n1,2\n"
    labels = {"*.pos.csv": "good", "*": "other"}
    options = {"format": "wide", "values": "v*", "labels": labels}
    assert read_bytes(tmp_path, data, "series", name="a.pos.csv", **options).rows == [([[1, 2]], "good")]
    text = read_bytes(tmp_path, b"sequence\nab\n", name="b.csv", labels=labels)
    assert text.rows == [("ab", "other")]
