"""Advice that works: each message names a setting, and with that setting the same input is read.

A row of the table: the kind, the file, the settings that fail, a part of the message, the setting that it names.
"""

from __future__ import annotations

import bz2
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.cli import main
from seqcls.errors import SeqclsError
from seqcls.table import Kind
from tests.seqcls.reading_files import Read, read_bytes


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


QUOTED = "x,\n" * 250
CASES: dict[str, tuple[Kind, bytes, dict[str, Any], str, dict[str, Any]]] = {
    "separator": ("text", b"sequence;label\na;x\nb;y\n", {}, "set source.delimiter", {"delimiter": ";"}),
    "sep=": ("text", b"sep=;\nsequence;label\na;x\n", {}, "set source.skip_lines = 1 and source.delimiter = \";\"",
             {"skip_lines": 1, "delimiter": ";"}),
    "no header": ("series", b"0.1,0.2,1\n0.3,0.4,2\n", {"format": "wide", "values": "0:2", "label": "2"},
                  "set source.header = false", {"header": False}),
    "apostrophes": ("text", b"'sequence','label'\n'a','x'\n", {}, "set source.quote = \"'\"", {"quote": "'"}),
    "long quote": ("text", f'sequence,label\n"{QUOTED}",x\n'.encode(), {}, "source.max_quoted_lines",
                   {"max_quoted_lines": 300}),
    "cp1251": ("text", "sequence,label\nпривет,x\n".encode("cp1251"), {}, 'try source.encoding = "cp1251"',
               {"encoding": "cp1251"}),
    "utf-16": ("text", "sequence,label\na,x\n".encode("utf-16"), {}, 'set source.encoding = "utf-16"',
               {"encoding": "utf-16"}),
    "utf-16 without its mark": ("text", "sequence,label\na,x\n".encode("utf-16-be"), {"encoding": "utf-16"},
                                'set source.encoding = "utf-16-be"', {"encoding": "utf-16-be"}),
    "utf-32": ("text", "sequence,label\na,x\n".encode("utf-32"), {}, 'set source.encoding = "utf-32"',
               {"encoding": "utf-32"}),
    "utf-8 read as utf-16": ("text", b"sequence,label\na,x\n", {"encoding": "utf-16"},
                             "no byte order mark of UTF-16 at the beginning: b'sequ'", {"encoding": "utf-8"}),
    "decimal": ("series", b'sequence,label\n"0,5;0,7",x\n', {}, 'source.decimal = "," reads decimal commas',
                {"decimal": ","}),
    "time": ("text", b"sequence,label,t\na,x,1.2.2031\n", {"time": "t"}, "source.time_format",
             {"time_format": "%d.%m.%Y"}),
    "seconds": ("text", b"sequence,label,t\na,x,1900000000\n", {"time": "t"}, '"unix"', {"time_format": "unix"}),
    "numpy": ("series", npz(sequence=np.ones((2, 3)), label=np.array(["x", "y"])), {},
              'set source.format = "numpy"', {"format": "numpy"}),
    "parquet": ("text", parquet(sequence=["a"], label=["x"]), {}, 'set source.format = "parquet"',
                {"format": "parquet"}),
    "json": ("text", b'{"sequence": "a", "label": "x"}\n', {}, 'set source.format = "jsonl"', {"format": "jsonl"}),
    "fasta": ("dna", b">1 x\nACGT\n", {"format": "fastq", "label_pattern": "(?P<label>x)"},
              'set source.format = "fasta"', {"format": "fasta"}),
    "long row": ("text", b"sequence,label\n" + b"a" * 5000 + b",x\n", {"max_row_bytes": 1000},
                 "source.max_row_bytes", {"max_row_bytes": 9000}),
}  # fmt: skip


def outcome(read: Any) -> tuple[str, int]:
    """What is said, and how many rows are read."""
    try:
        found: Read = read()
    except SeqclsError as error:
        return str(error), 0
    return " ".join(reason for _, _, reason in found.refused), found.table.num_rows


@pytest.mark.parametrize("name", CASES)
def test_the_setting_that_a_message_names_reads_the_file(tmp_path: Path, name: str) -> None:
    kind, data, options, part, setting = CASES[name]
    said, rows = outcome(lambda: read_bytes(tmp_path, data, kind, **options))
    assert part in said
    assert rows == 0
    said, rows = outcome(lambda: read_bytes(tmp_path, data, kind, **(options | setting)))
    assert (said, rows > 0) == ("", True)


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_a_packed_file_without_its_ending_is_read_under_the_name_that_is_said(
    tmp_path: Path, ending: str, pack: Any
) -> None:
    data = pack(b"sequence,label\na,x\n")
    said, _ = outcome(lambda: read_bytes(tmp_path, data, name="a.csv"))
    assert f"rename the file to NAME{ending}" in said
    assert read_bytes(tmp_path, data, name=f"a.csv{ending}").rows == [("a", "x")]


@pytest.mark.parametrize(
    ("form", "rows", "options", "part"),
    [
        ("jsonl", '{"sequence": "a", "label": ["x"]}', {"label": "label"}, 'source.label = "label[0]" reads lists'),
        ("jsonl", '{"sequence": "a", "label": {"x": 1}}', {"label": "label"}, 'format = "prodigy" reads cats'),
        ("csv", "sequence,a,b\nx,0,1", {}, "the class of a row stands in one column"),
        ("csv", "chrom,start,end,label\n1,2,3,x", {}, "bedtools getfasta writes the sequences as FASTA"),
        ("csv", "id,sequence,label\n1.25E+18,a,x", {"id": "id"}, "a number that a spreadsheet has rounded"),
        (
            "fasttext",
            "__label__a,one two\n__label__a,six two\n__label__b,ten",
            {},
            "no blank behind the labels, but a comma",
        ),
    ],
)
def test_what_is_said_of_shapes_that_are_not_read(
    tmp_path: Path, form: str, rows: str, options: dict[str, Any], part: str
) -> None:
    said, _ = outcome(lambda: read_bytes(tmp_path, f"{rows}\n".encode(), format=form, **options))
    assert part in said


@pytest.mark.parametrize(
    ("columns", "options", "part", "setting"),
    [
        ({"label": [{"name": "x"}]}, {}, 'such as "label.name"', {"label": "label.name"}),
        ({"label": [["x"]]}, {}, '"label[0]" reads lists', {"label": "label[0]"}),
    ],
)
def test_values_within_columns_of_parquet(
    tmp_path: Path, columns: dict[str, Any], options: dict[str, Any], part: str, setting: dict[str, Any]
) -> None:
    data = parquet(sequence=["a"], **columns)
    said, _ = outcome(lambda: read_bytes(tmp_path, data, format="parquet", **options))
    assert part in said
    assert read_bytes(tmp_path, data, format="parquet", **setting).rows == [("a", "x")]


def test_a_class_in_the_first_record_of_a_series_is_that_of_all(tmp_path: Path) -> None:
    data = b"id,time,value,label\n1,0,5,a\n1,1,6,\n2,0,7,\n2,1,8,b\n3,0,9,\n4,0,1,a\n4,1,2,b\n"
    found = read_bytes(tmp_path, data, "series", format="long", id="id")
    assert found.rows == [([[5, 6]], "a"), ([[7, 8]], "b"), ([[9]], None)]
    assert "'a' and 'b' in one series; a series has one class: cut it where the class changes" in found.refused[0][2]


def test_new_data_without_a_group_gets_a_source_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"text {row % 2} number {row},{'xy'[row % 2]},p{row % 9}\n" for row in range(60))
    Path("a.csv").write_text("sequence,label,who\n" + rows)
    Path("new").mkdir()
    Path("new/n.csv").write_text("sequence\ntext 0\n")
    config = CONFIG.format(kind="text", family="ngrams").replace("[split]", 'group = "who"\n[split]')
    config += "[promote]\nbeat_baseline = false\nevery_class_predicted = false\n[score]\nfiles = ['new/*']\n"
    Path("p.toml").write_text(config)
    assert main(["train", "p.toml"]) == 0
    assert main(["score", "p.toml"]) == 3
    assert "describe it in a [score.source] of its own, without that key" in capsys.readouterr().err
    Path("p.toml").write_text(config + "[score.source]\nformat = 'csv'\n")
    assert main(["score", "p.toml"]) == 0
    assert "1 rows in = 1 scored" in capsys.readouterr().out


FASTA = b">1 x\nACG TAC\n\n>2 y\nACGT\n"


def test_fasta_and_fastq_as_programs_write_them(tmp_path: Path) -> None:
    options = {"name": "a.fa", "format": "fasta", "label_pattern": "(?P<label>[xy])$"}
    rows = [("ACGTAC", "x"), ("ACGT", "y")]
    assert read_bytes(tmp_path, b";old comment\n;another\n" + FASTA, "dna", **options).rows == rows
    fastq = b"@1 x\nACGT\n+\nIIII\n@2 y\nAC\n+\nII\n"
    for end in (b"", b"\n", b"\n\n\n", b"\r\n\r\n"):
        found = read_bytes(tmp_path, fastq + end, "dna", **(options | {"format": "fastq"}))
        assert found.table["label"].to_pylist() == ["x", "y"]
    windows = read_bytes(
        tmp_path, fastq.replace(b"\n", b"\r\n") + b"\r\n\r\n", "dna", **(options | {"format": "fastq"})
    )
    assert windows.table.num_rows == 2


@pytest.mark.parametrize(
    ("data", "form", "step"),
    [
        (b"LOCUS       AB 60 bp\n", "fasta", "this is GenBank: convert it to FASTA"),
        ("> é x\nACGT\n".encode(), "fasta", "replace the accented letters in the headers"),
        (b"@1 x\nAC\nGT\n+\nIIII\n", "fastq", "write each sequence and its qualities on one line"),
        (b"@1 x\nACGT\n+\nII", "fastq", "the file was cut off|fix that record"),
    ],
)
def test_what_to_do_about_a_file_of_another_form(tmp_path: Path, data: bytes, form: str, step: str) -> None:
    said, _ = outcome(lambda: read_bytes(tmp_path, data, "dna", format=form, label_pattern="(?P<label>x)"))
    assert any(part in said for part in step.split("|"))


CONFIG = """
name = "genes"
kind = "{kind}"
[source]
format = "csv"
files = ["a.csv"]
[split]
valid = 0.2
test = 0.2
[model]
family = "{family}"
"""


@pytest.mark.parametrize(
    ("letters", "advice"),
    [
        ("ACG-TT", "'-' is the gap of an alignment"),
        ("ACGT*", "'*' is the stop sign"),
        ("ACG TAC", "k-mers are read with kind"),
        ("1ACGT", "numbers stand among the letters"),
    ],
)
def test_letters_outside_the_alphabet_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], letters: str, advice: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("sequence,label\n" + "".join(f"{letters},{'xy'[row % 2]}\n" for row in range(20)))
    Path("p.toml").write_text(CONFIG.format(kind="dna", family="cnn"))
    assert main(["check", "p.toml"]) == 3
    said = capsys.readouterr().err
    assert advice in said
    assert "p.toml` lists each rejected row with all reasons" in said
    assert main(["rejects", "p.toml"]) == 0
    listed = capsys.readouterr().out
    assert "a.csv:1: 1 letters outside the alphabet" in listed
    assert letters in listed
    assert "20 rejected rows" in listed


def test_line_breaks_within_sequences_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(CONFIG.format(kind="dna", family="cnn"))
    for between, code in (("\n", 3), ("", 0)):
        rows = (f'"ACG{between}TT{"ACGT"[row % 4] * row}",{"xy"[row % 2]}\n' for row in range(20))
        Path("a.csv").write_text("sequence,label\n" + "".join(rows))
        assert main(["check", "p.toml"]) == code
        said = capsys.readouterr().err
        assert ("write each sequence on one line" in said) == bool(between)


def test_ids_that_repeat_in_headers_are_taken_from_another_part_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    records = (f">chr{row % 3} {'xy'[row % 2]} gene{row}\n{'ACGT'[row % 4] * (row + 4)}\n" for row in range(20))
    Path("a.fa").write_text("".join(records))
    config = CONFIG.format(kind="dna", family="cnn").replace("csv", "fasta").replace("a.fasta", "a.fa")
    for pattern, code in ((r" (?P<label>\w)", 3), (r" (?P<label>\w) (?P<id>\w+)", 0)):
        Path("p.toml").write_text(config.replace("[split]", f"label_pattern = '{pattern}'\n[split]"))
        assert main(["check", "p.toml"]) == code
        said = capsys.readouterr().err
        assert ("(?P<id>...) in source.label_pattern takes another part of the header" in said) == bool(code)


def test_rejected_rows_are_said_by_train_and_only_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"text {row % 2} number {row},{'xy'[row % 2]}\n" for row in range(60))
    Path("p.toml").write_text(CONFIG.format(kind="text", family="ngrams"))
    Path("a.csv").write_text("sequence,label\n" + rows + "only one field\n")
    assert main(["train", "p.toml"]) == 0
    said = capsys.readouterr().out
    assert "rejected rows (`seqcls rejects p.toml` lists them all):" in said
    assert "a.csv:61: expected 2 fields, got 1; the row: only one field" in said
    Path("a.csv").write_text("sequence,label\n" + rows)
    assert main(["check", "p.toml"]) == 0
    assert "reject" not in capsys.readouterr().out.replace("0 rejected", "")
