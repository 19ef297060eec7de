"""F01-F09: nothing in the file, rows of the wrong width, quotes that swallow rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from seqcls.sources import blocks
from seqcls.table import Kind
from tests.faults.travel import GOOD, HEAD, refusal, travel

FORMATS: dict[str, tuple[Kind, dict[str, Any]]] = {
    "csv": ("text", {}),
    "tsv": ("text", {}),
    "jsonl": ("text", {}),
    "lines": ("text", {"labels": {"*": "a"}}),
    "fasttext": ("text", {}),
    "ucr": ("series", {}),
    "ts": ("series", {}),
    "arff": ("series", {}),
    "wide": ("series", {"values": ["v*"]}),
    "long": ("series", {"id": "id"}),
    "fasta": ("dna", {"labels": {"*": "a"}}),
    "fastq": ("dna", {"labels": {"*": "a"}}),
    "parquet": ("text", {}),
}


@pytest.mark.fault("F01", tried="a file of 0 bytes, in every format", outcome="file refused: no rows, deliver it again")
@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_file_is_refused(format: str, tmp_path: Path) -> None:
    kind, options = FORMATS[format]
    assert str(refusal(tmp_path, b"", kind, format=format, **options)) == (
        "data.csv: no rows: the file is empty; expected at least one record. Next: deliver the file again, or remove it"
    )


@pytest.mark.fault("F01", tried="an empty text among texts of one file each", outcome="row rejected: blank sequence")
def test_an_empty_text_of_a_folder_is_a_row_without_a_sequence(tmp_path: Path) -> None:
    files = {"in/a/1.txt": b"one", "in/a/2.txt": b"", "in/b/3.txt": b"three"}
    arrived = travel(tmp_path, files, format="folder", find=["in"])
    assert arrived.rows == [("one", "a"), ("three", "b")]
    (reject,) = arrived.rejects
    assert (reject.file, reject.row, reject.column, reject.rule) == ("in/a/2.txt", 1, "sequence", "empty")
    assert reject.reason == "sequence is missing or blank, expected a sequence"


@pytest.mark.fault("F02", tried="a header and nothing below it", outcome="file refused: no rows; nothing is trained")
@pytest.mark.parametrize("tail", [b"", b"\n\n\r\n"])
def test_a_header_and_nothing_else_is_refused(tail: bytes, tmp_path: Path) -> None:
    error = refusal(tmp_path, HEAD + tail)
    assert str(error) == ("data.csv: no rows; expected at least one record. Next: deliver the file again, or remove it")


@pytest.mark.fault("F03", tried="a row with too few fields among good ones", outcome="row rejected with both counts")
def test_a_short_row_is_set_aside(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"2\nfive,a\n")
    assert arrived.sequences == ["one", "two", "three", "four", "five"]
    (reject,) = arrived.rejects
    assert (reject.file, reject.row, reject.rule, reject.raw) == ("data.csv", 5, "fields", "2")
    assert reject.reason == "expected 2 fields, got 1"


@pytest.mark.fault("F04", tried="a row with a field too many in mid-file", outcome="row rejected with both counts")
def test_a_long_row_is_set_aside(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"five,b,c\nsix,a\n")
    assert arrived.sequences == ["one", "two", "three", "four", "six"]
    (reject,) = arrived.rejects
    assert (reject.file, reject.row, reject.rule, reject.raw) == ("data.csv", 5, "fields", "five,b,c")
    assert reject.reason == "expected 2 fields, got 3"


@pytest.mark.fault("F05", tried="all rows one field longer than the header", outcome="file refused; no column shifts")
def test_rows_that_are_all_too_long_are_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, HEAD + b"1,one,a\n2,two,b\n")
    assert error.where == "data.csv:1"
    assert error.found == "every record has 3 fields"
    assert error.expected == "2 (sequence, label)"
    assert "source.delimiter" in error.next_step


@pytest.mark.fault("F06", tried="a delimiter at the end of every row", outcome="file refused; the delimiter is named")
def test_a_delimiter_at_the_end_of_all_rows_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, HEAD + b"one,a,\ntwo,b,\n")
    assert error.where == "data.csv:1"
    assert error.found == "every record ends in a delimiter: 3 fields"
    assert "remove the delimiter" in error.next_step


@pytest.mark.fault("F07", tried="a quote that is open to the end of the file", outcome="file refused; record named")
def test_a_quote_that_never_closes_is_refused_with_its_record(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD + b'"five,a\nsix,b\n')
    assert error.where == "data.csv:5"
    assert error.found == "a quote opens in record 5 and is never closed"
    assert "source.quoting = false" in error.next_step


@pytest.mark.fault(
    "F08", tried="two stray quotes 800 lines apart", outcome="file refused: a quoted field has at most 200 lines"
)
def test_two_stray_quotes_far_apart_swallow_nothing(tmp_path: Path) -> None:
    data = GOOD + b'"five,a\n' + b"filler,b\n" * 800 + b'and",a\n'
    error = refusal(tmp_path, data)
    assert error.where == "data.csv:5"
    assert error.found == "a quote opens in record 5 and is not closed within 200 lines"
    assert "source.quoting = false" in error.next_step
    assert travel(tmp_path, data, quoting=False).table.num_rows == 4 + 802


@pytest.mark.fault("F08", tried="two stray quotes 3 lines apart", outcome="the first row rejected, the others kept")
def test_two_stray_quotes_close_together_cost_one_row(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b'"five,a\nsix,b\nseven"x,a\n')
    assert arrived.sequences == ["one", "two", "three", "four", "six", 'seven"x']
    (reject,) = arrived.rejects
    assert (reject.row, reject.rule) == (5, "quote")
    assert "text follows the closing quote, which opened 2 lines above" in reject.reason


@pytest.mark.fault(
    "F09",
    tried="line breaks inside quotes, across blocks of any size",
    outcome="accepted, as the csv module reads them",
)
@pytest.mark.parametrize("block", [64, 1000, 65_536])
def test_line_breaks_inside_quotes_are_text(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["sequence", "label"])
    writer.writerows([[f'line {n}\nand "{n}",\r\n\nmore', "ab"[n % 2]] for n in range(80)])
    arrived = travel(tmp_path, out.getvalue().encode())
    expected = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1:]
    assert [list(row) for row in arrived.rows] == expected
    assert arrived.rejects == []
