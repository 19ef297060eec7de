"""lines, fastText, folders, FASTA and FASTQ: a hand example of each place where a class can stand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqcls.errors import ConfigRefused
from tests.seqcls.reading_files import read, read_bytes


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    data = "one\u0085two\x0bthree\r\n\nfo\rur\u2028\x1c".encode()
    result = read_bytes(tmp_path, data, name="a.pos", format="lines", labels={"*.pos": "good"})
    assert result.rows == [("one\u0085two\x0bthree", "good"), ("", "good"), ("fo\rur\u2028\x1c", "good")]


def test_a_pattern_gives_label_id_and_group(tmp_path: Path) -> None:
    pattern = r"^(?P<id>\d+) (?P<label>\w+)(?:@(?P<group>\w+))? (?P<sequence>.*)$"
    result = read_bytes(tmp_path, b"7 a@x one two\n8 b three\n", format="lines", pattern=pattern)
    rows = [(row["id"], row["label"], row["group"], row["sequence"]) for row in result.table.to_pylist()]
    assert rows == [("7", "a", "x", "one two"), ("8", "b", None, "three")]


@pytest.mark.parametrize(("pattern", "message"), [("(?P<label>a", "not a valid pattern"), ("(?P<label>a)", "no group")])
def test_a_pattern_that_cannot_work_is_refused(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(ConfigRefused, match=message):
        read_bytes(tmp_path, b"a\n", format="lines", pattern=pattern, label_from="pattern")


def test_label_files_follow_the_order_of_the_config_and_not_of_the_names(tmp_path: Path) -> None:
    for name, text in {"b.txt": "b1\nb2\n", "a.txt": "a1\n", "1.lab": "x\r\ny\r\n", "2.lab": "z"}.items():
        (tmp_path / name).write_bytes(text.encode())
    result = read(tmp_path, format="lines", files=["b.txt", "a.txt"], label_files=["1.lab", "2.lab"])
    assert result.rows == [("a1", "z"), ("b1", "x"), ("b2", "y")]


def test_new_lines_have_no_label(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "train.lab").write_text("x\n")
    options = {"format": "lines", "label_files": ["train.lab"]}
    (tmp_path / "new.txt").write_text("b\n")
    result = read(tmp_path, labelled=False, files=["train.txt"], **options)
    assert result.rows == [("a", "x")]
    new = read_bytes(tmp_path, b"b\n", name="new.txt", format="lines", labels={"*.pos": "good"}, labelled=False)
    assert new.rows == [("b", None)]


def test_fasttext_lines_with_blank_or_tab_and_without_a_label(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, b"__label__a one two\n__label__b\tthree\nfour\n\n__label__c\n", format="fasttext")
    assert result.rows == [("one two", "a"), ("three", "b"), ("four", None), ("", None), ("", "c")]


def test_folders_are_classes_when_training_and_inboxes_when_scoring(tmp_path: Path) -> None:
    for name in ("pos/1.txt", "pos/2.txt", "neg/1.txt"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(f"text of\n{name}\n")
    result = read(tmp_path, format="folder", files=["data"])
    assert result.rows == [("text of\nneg/1.txt", "neg"), ("text of\npos/1.txt", "pos"), ("text of\npos/2.txt", "pos")]
    assert result.table["id"].to_pylist()[0] == "data/neg/1.txt:1"
    assert [label for _, label in read(tmp_path, labelled=False, format="folder", files=["data"]).rows] == [None] * 3


def test_fasta_headers_wrapped_lines_and_labels(tmp_path: Path) -> None:
    data = b">s1 class=a x\nACGT\nacgt\n\n> s2  class=b\nNN\n>s1\n>s3 class=a\nA\n"
    for name, content in (("a.fa", data), ("a.fa.gz", gzip.compress(data)), ("b.fa", data.replace(b"\n", b"\r\n"))):
        result = read_bytes(tmp_path, content, "dna", name=name, format="fasta", label_pattern=r"class=(?P<label>\w+)")
        assert result.table["id"].to_pylist() == ["s1", "s2", "s1", "s3"]
        assert result.rows == [("ACGTacgt", "a"), ("NN", "b"), ("", None), ("A", "a")]


def test_fastq_and_a_sequence_that_is_too_long(tmp_path: Path) -> None:
    data = b"@a 1\nACGT\n+\nIIII\n@b\nACGTACGT\n+\nIIIIIIII\n"
    options = {"format": "fastq", "labels": {"*": "x"}}
    assert read_bytes(tmp_path, data, "dna", **options).rows == [("ACGT", "x"), ("ACGTACGT", "x")]
    result = read_bytes(tmp_path, data, "dna", max_row_bytes=5, **options)
    assert result.refused == [(2, "row_bytes", "8 letters; a row may have 5 (source.max_row_bytes)")]


def test_a_header_without_a_name_is_rejected(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, b">\nACGT\n>b\nA\n", "dna", format="fasta", labels={"*": "x"})
    assert [(row, rule) for row, rule, _ in result.refused] == [(1, "id")]
