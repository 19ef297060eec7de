"""F25-F30: headers that are wrong, odd or missing, other delimiters, and pages that are no tables at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.table import Kind
from tests.faults.travel import GOOD, ingested, refusal, travel


@pytest.mark.fault("F25", tried="two columns of one name", outcome="file refused, the name given")
def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, b"sequence,sequence,label\na,b,c\nd,e,f\n")
    assert error.where == "data.csv"
    assert error.found == "'sequence' occurs twice among the columns"
    assert error.next_step.startswith("rename one of them")


@pytest.mark.fault("F25", tried="a JSON object with one key twice", outcome="row rejected, the key given")
def test_a_key_twice_in_one_object_costs_its_row(tmp_path: Path) -> None:
    data = b'{"sequence": "one", "label": "a"}\n{"sequence": "x", "label": "a", "label": "b"}\n'
    arrived = travel(tmp_path, data + b'{"sequence": "two", "label": "b"}\n', format="jsonl")
    (reject,) = arrived.rejects
    assert (reject.row, reject.rule, reject.reason) == (2, "json", "the key 'label' stands twice")


@pytest.mark.fault("F26", tried="a renamed column", outcome="file refused; the nearest name is given")
def test_a_renamed_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD.replace(b"label", b"lable"))
    assert error.where == "data.csv"
    assert error.found == "no column 'label'; the nearest is 'lable'"
    assert error.expected == "it among the columns found: 'sequence', 'lable'"
    assert error.next_step == "correct source.label in the config, or the file"


@pytest.mark.fault("F26", tried="a missing column", outcome="file refused; the columns found are listed")
def test_a_missing_column_is_refused_with_those_found(tmp_path: Path) -> None:
    error = refusal(tmp_path, b"sequence,x\none,a\ntwo,b\n")
    assert error.found == "no column 'label'"
    assert error.expected == "it among the columns found: 'sequence', 'x'"


@pytest.mark.fault("F26", tried="the second of two files lacks the column", outcome="that file is named")
def test_a_column_missing_in_one_of_several_files_names_that_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"a.csv": GOOD, "b.csv": GOOD.replace(b"label", b"class")})
    assert error.where == "b.csv"
    assert error.found == "no column 'label'"


@pytest.mark.fault("F26", tried="columns that nothing asks for", outcome="accepted: they are not read")
def test_an_extra_column_changes_nothing(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    extra = b"\n".join([lines[0] + b",extra", *(line + b",9" for line in lines[1:])]) + b"\n"
    assert travel(tmp_path / "extra", {"d": extra}).table.equals(ingested(tmp_path / "plain", {"d": GOOD}))


def parquet_bytes(table: dict[str, list[str]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(table), sink)
    return bytes(sink.getvalue())


@pytest.mark.fault(
    "F26",
    tried='columns that nothing asks for, with `source.extra_columns = "refuse"`, in five formats',
    outcome="file refused; they are named, and how to allow them is said",
)
@pytest.mark.parametrize(
    ("source", "data", "used"),
    [
        ({"format": "csv"}, b"sequence,label,extra\none,a,9\ntwo,b,9\n", "'sequence', 'label'"),
        ({"format": "tsv"}, b"extra\tsequence\tlabel\n9\tone\ta\n9\ttwo\tb\n", "'sequence', 'label'"),
        (
            {"format": "jsonl"},
            b'{"sequence": "one", "label": "a"}\n{"sequence": "two", "label": "b", "extra": 9}\n',
            "'sequence', 'label'",
        ),
        (
            {"format": "parquet"},
            parquet_bytes({"sequence": ["one", "two"], "label": ["a", "b"], "extra": ["9", "9"]}),
            "'sequence', 'label'",
        ),
        ({"format": "wide", "values": ["v*"]}, b"v1,v2,label,extra\n1,2,a,9\n3,4,b,9\n", "'v1', 'v2', 'label'"),
        (
            {"format": "long", "id": "id"},
            b"id,time,value,label,extra\nx,0,1,a,9\nx,1,2,a,9\ny,0,1,b,9\n",
            "'label', 'id', 'time', 'value', 'channel'",
        ),
    ],
    ids=lambda value: value["format"] if isinstance(value, dict) else "",
)
def test_extra_columns_are_refused_where_the_config_says_so(
    tmp_path: Path, source: dict[str, str], data: bytes, used: str
) -> None:
    kind: Kind = "series" if source["format"] in ("wide", "long") else "text"
    assert ingested(tmp_path / "ignored", {"d": data}, kind, **source).num_rows == 2
    error = refusal(tmp_path, {"d": data}, kind, extra_columns="refuse", **source)
    assert error.where == "d"
    assert error.found == "a column that the config does not name: 'extra'"
    assert error.expected == f"only {used}"
    assert error.next_step.endswith('or set source.extra_columns = "ignore"')


def test_a_key_that_comes_later_is_refused_too(tmp_path: Path) -> None:
    line = b'{"sequence": "' + b"x" * 1000 + b'", "label": "a"}\n'
    data = line * 20_000 + line.replace(b"}", b', "extra": 9}')
    error = refusal(tmp_path, {"d": data}, extra_columns="refuse", format="jsonl")
    assert error.found == "a column that the config does not name: 'extra'"


@pytest.mark.fault("F27", tried="columns in another order, also between two files", outcome="accepted, by name")
def test_the_order_of_the_columns_does_not_matter(tmp_path: Path) -> None:
    turned = b"".join(b",".join(reversed(line.split(b","))) + b"\n" for line in GOOD.splitlines())
    assert turned.startswith(b"label,sequence\na,one\n")
    arrived = travel(tmp_path, {"a.csv": GOOD.replace(b"one", b"eleven"), "b.csv": turned})
    assert arrived.rows[1:4] == [("two", "b"), ("three", "a"), ("four", "b")]
    assert arrived.rows[4:] == [("one", "a"), ("two", "b"), ("three", "a"), ("four", "b")]


@pytest.mark.fault(
    "F28", tried="column names with blanks, backticks, emoji, and code for pandas", outcome="names only: nothing is run"
)
@pytest.mark.parametrize(
    "name", ["the text", "` t` == 1 `", "😀", '@pd.io.common.os.system("touch canary")', "__import__('os')", "{value}"]
)
def test_a_column_name_is_never_code(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quoted = '"' + name.replace('"', '""') + '"'
    data = f"{quoted},label\none,a\ntwo,b\n,a\n".encode()
    arrived = travel(tmp_path, data, sequence=name)
    assert arrived.rows == [("one", "a"), ("two", "b")]
    assert arrived.set_aside == [(3, "sequence", "empty")]
    assert not (tmp_path / "canary").exists()


@pytest.mark.fault("F28", tried="a blank around a column name", outcome="file refused with the nearest; strip reads it")
def test_blanks_around_a_column_name_are_shown(tmp_path: Path) -> None:
    data = GOOD.replace(b"sequence,label", b"sequence, label ")
    error = refusal(tmp_path, data)
    assert error.found == "no column 'label'; the nearest is ' label '"
    assert travel(tmp_path, data, strip=True).table.num_rows == 4


@pytest.mark.fault("F29", tried="semicolons where commas are expected", outcome="file refused; the delimiter is named")
@pytest.mark.parametrize(("other", "word"), [(b";", "a semicolon"), (b"\t", "a tab"), (b"|", "a bar")])
def test_another_delimiter_is_named(other: bytes, word: str, tmp_path: Path) -> None:
    data = GOOD.replace(b",", other)
    error = refusal(tmp_path, data)
    assert error.where == "data.csv:0"
    assert error.found.startswith("one column found: 'sequence")
    assert error.found.endswith(f"the fields seem to be separated by {word}")
    assert error.next_step == "set source.delimiter"
    assert travel(tmp_path, data, delimiter=other.decode()).table.num_rows == 4


@pytest.mark.fault("F29", tried="another delimiter in a file without header", outcome="file refused with both counts")
def test_another_delimiter_without_a_header_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, b"one;a\ntwo;b\n", header=False, columns=["sequence", "label"])
    assert (error.where, error.found) == ("data.csv:1", "every record has 1 field")
    assert error.expected == "2 (sequence, label)"
    assert "source.delimiter" in error.next_step


PAGE = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"


@pytest.mark.fault("F30", tried="an HTML page under the name of a data file", outcome="file refused: looks like HTML")
@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "ucr", "ts", "arff", "fasta"])
@pytest.mark.parametrize("start", [b"", b"\n\n  ", b"\xef\xbb\xbf"])
def test_an_html_page_is_no_table(format: str, start: bytes, tmp_path: Path) -> None:
    kind = {"ucr": "series", "ts": "series", "arff": "series", "fasta": "dna"}.get(format, "text")
    options = {"labels": {"*": "a"}} if format == "fasta" else {}
    error = refusal(tmp_path, start + PAGE, kind, format=format, **options)  # type: ignore[arg-type]
    assert (error.where, error.found) == ("data.csv", "looks like HTML")
    assert error.expected == f"a {format} file"
    assert "fetch it again" in error.next_step


@pytest.mark.fault("F30", tried="a JSON error under the name of a csv file", outcome="file refused: looks like JSON")
def test_a_json_error_is_no_table(tmp_path: Path) -> None:
    error = refusal(tmp_path, b'{"error": "not found", "status": 404}\n')
    assert error.found == "looks like JSON"
    assert 'source.format = "jsonl"' in error.next_step
    error = refusal(tmp_path, b'{"error": "not found", "status": 404}\n', format="jsonl")
    assert error.found == "no column 'sequence'; no column 'label'"
    assert error.expected == "them among the columns found: 'error', 'status'"
