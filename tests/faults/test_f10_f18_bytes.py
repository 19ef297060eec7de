"""F10-F18: files that are cut or still being written, encodings, bytes that are no text, ends of lines."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from seqcls.errors import DataRefused
from seqcls.sources import blocks
from seqcls.sources.discover import source_files
from seqcls.sources.ingest import ingest
from seqcls.store.artefacts import ArtefactStore
from tests.faults.travel import GOOD, HEAD, explains_itself, ingested, refusal, travel
from tests.seqcls.table_examples import make_pipeline


@pytest.mark.fault(
    "F10",
    tried="a csv file cut in the middle of a row",
    outcome="file refused: it ends inside a record, fetch it again",
)
@pytest.mark.parametrize("name", ["data.csv", "data.tsv"])
def test_a_file_cut_in_the_middle_of_a_row_is_refused(name: str, tmp_path: Path) -> None:
    whole = GOOD if name == "data.csv" else GOOD.replace(b",", b"\t")
    error = refusal(tmp_path, whole + b"fi", name=name, format=name[-3:])
    assert error.where == f"{name}:5"
    assert error.found == "the file ends within record 5: 1 of 2 fields, and no line break at the end"
    assert "fetch the file again" in error.next_step


@pytest.mark.fault("F10", tried="a jsonl file cut in the middle of an object", outcome="file refused, record named")
def test_a_json_file_cut_in_the_middle_of_an_object_is_refused(tmp_path: Path) -> None:
    data = b'{"sequence": "one", "label": "a"}\n{"sequence": "two", "label": "b"}\n{"sequence": "th'
    error = refusal(tmp_path, data, format="jsonl")
    assert error.where == "data.csv:3"
    assert error.found.startswith("the file ends within record 3: not JSON: Unterminated string")
    assert "fetch the file again" in error.next_step


@pytest.mark.fault("F10", tried="a last row without a line end, but whole", outcome="accepted: many programs write so")
def test_a_last_row_without_its_line_end_is_a_row(tmp_path: Path) -> None:
    assert travel(tmp_path, GOOD + b"five,a").sequences[-1] == "five"


@pytest.mark.fault(
    "F10", tried="a file cut between two rows, with FILE.sha256 beside it", outcome="file refused: both digests named"
)
def test_a_cut_that_leaves_whole_rows_is_found_by_the_checksum_that_came_with_the_file(tmp_path: Path) -> None:
    digest = hashlib.sha256(GOOD).hexdigest()
    (tmp_path / "data.csv.sha256").write_text(f"{digest}  data.csv\n")
    assert travel(tmp_path, GOOD, checksums=True).table.num_rows == 4
    cut = GOOD[: GOOD.index(b"four")]
    with pytest.raises(DataRefused) as caught:
        travel(tmp_path, cut, checksums=True)
    error = explains_itself(caught.value)
    assert error.where == "data.csv"
    assert error.found == f"SHA-256 {hashlib.sha256(cut).hexdigest()[:12]}"
    assert error.expected == f"{digest[:12]}, as data.csv.sha256 says"
    assert "fetch the file again" in error.next_step


@pytest.mark.fault("F11", tried="a file that grows while it is read", outcome="file refused: changed while being read")
def test_a_file_that_another_thread_goes_on_writing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4096)
    path = tmp_path / "data.csv"
    path.write_bytes(HEAD + b"text,a\nmore,b\n" * 50_000)
    pipeline = make_pipeline("text", source={"files": ["data.csv"]})
    files = source_files(pipeline.source, tmp_path)
    is_done = threading.Event()

    def write() -> None:
        while not is_done.wait(0.001):
            with open(path, "ab") as file:
                file.write(b"late,b\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(DataRefused) as caught:
            ingest(files, pipeline.source, "text", ArtefactStore(tmp_path / "store"), labelled=True, folder=tmp_path)
    finally:
        is_done.set()
        writer.join()
    error = explains_itself(caught.value)
    assert error.where == "data.csv"
    assert error.found.startswith("changed while being read (")
    assert "ending in .part, rename the file when it is complete" in error.next_step
    assert list((tmp_path / "store").glob("artefacts/*/*")) == []


@pytest.mark.fault(
    "F11", tried="a file whose checksum file has not come yet", outcome="file refused: FILE.sha256 marks a whole file"
)
def test_a_file_without_its_checksum_is_not_whole_yet(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD, checksums=True)
    assert error.where == "data.csv"
    assert error.found == "no checksum beside the file"
    assert "data.csv.sha256" in error.expected
    (tmp_path / "data.csv.sha256").write_text("what is this\n")
    error = refusal(tmp_path, GOOD, checksums=True)
    assert error.found == "data.csv.sha256 does not begin with a SHA-256 in hexadecimal"


@pytest.mark.fault("F12", tried="a byte order mark before UTF-8, in five formats", outcome="accepted, identical values")
@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("csv", GOOD),
        ("tsv", GOOD.replace(b",", b"\t")),
        ("jsonl", b'{"sequence": "one", "label": "a"}\n{"sequence": "two", "label": "b"}\n'),
        ("fasttext", b"__label__a one\n__label__b two\n"),
        ("lines", b"a: one\nb: two\n"),
    ],
)
def test_a_byte_order_mark_is_no_letter(format: str, data: bytes, tmp_path: Path) -> None:
    options = {"pattern": r"^(?P<label>\w): (?P<sequence>.*)$"} if format == "lines" else {}
    plain = travel(tmp_path / "plain", {"d": data}, format=format, **options)
    marked = ingested(tmp_path / "marked", {"d": b"\xef\xbb\xbf" + data}, format=format, **options)
    assert marked.equals(plain.table)
    assert plain.rows[0] == ("one", "a")


@pytest.mark.fault("F12", tried="a byte order mark before FASTA and UCR", outcome="accepted, identical values")
def test_a_byte_order_mark_belongs_to_no_id_and_no_class(tmp_path: Path) -> None:
    for number, (kind, format, data, options) in enumerate(
        [
            ("dna", "fasta", b">a x\nACGT\n>b y\nGGTT\n", {"label_pattern": r"(?P<label>\w)$"}),
            ("series", "ucr", b"1\t2\t3\n2\t4\t5\n", {}),
        ]
    ):
        plain = travel(tmp_path / f"{number}", {"d": data}, kind, format=format, **options)  # type: ignore[arg-type]
        marked = ingested(tmp_path / f"{number}m", {"d": b"\xef\xbb\xbf" + data}, kind, format=format, **options)  # type: ignore[arg-type]
        assert marked.equals(plain.table)
        assert plain.table.num_rows == 2


@pytest.mark.fault("F13", tried="UTF-16 with and without a mark", outcome="file refused: set source.encoding")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_and_read_when_the_config_says_so(encoding: str, tmp_path: Path) -> None:
    data = GOOD.decode().encode(encoding)
    error = refusal(tmp_path, data)
    assert error.where == "data.csv"
    assert error.found == "looks like UTF-16"
    assert error.next_step == f'set source.encoding = "{encoding}"'
    assert travel(tmp_path, data, encoding=encoding).rows == travel(tmp_path / "plain", GOOD).rows


@pytest.mark.fault("F14", tried="one byte 0xE9 of cp1252 in UTF-8", outcome="row rejected; byte and offset named")
def test_a_byte_that_is_not_utf_8_costs_its_row(tmp_path: Path) -> None:
    data = GOOD + b"caf\xe9,a\nsix,b\n"
    arrived = travel(tmp_path, data)
    assert arrived.sequences == ["one", "two", "three", "four", "six"]
    (reject,) = arrived.rejects
    assert (reject.file, reject.row, reject.rule, reject.raw) == ("data.csv", 5, "encoding", "caf\\xe9,a")
    assert reject.reason == (
        f"byte 0xe9 at byte 3 of the row (byte {data.index(0xE9)} of the file) is not UTF-8; "
        'it reads like cp1252: try source.encoding = "cp1252"'
    )
    assert travel(tmp_path, data, encoding="cp1252").sequences[4] == "café"


@pytest.mark.fault("F15", tried="a bad byte in a row of the wrong width", outcome="row rejected, the others go on")
def test_a_bad_byte_in_a_malformed_row_costs_that_row(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"f\x81ve\nsix,b\n")
    assert arrived.sequences == ["one", "two", "three", "four", "six"]
    (reject,) = arrived.rejects
    assert (reject.row, reject.rule) == (5, "encoding")
    assert reject.reason.startswith("byte 0x81 at byte 1 of the row")


@pytest.mark.fault(
    "F16", tried="a lone surrogate, an overlong letter, one beyond U+10FFFF", outcome="rows rejected with their byte"
)
def test_bytes_that_only_look_like_utf_8_cost_their_rows(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"\xed\xa0\x80,a\nx\xc0\xaf,b\n\xf4\x90\x80\x80,a\n")
    assert arrived.sequences == ["one", "two", "three", "four"]
    assert [(reject.row, reject.rule) for reject in arrived.rejects] == [
        (5, "encoding"),
        (6, "encoding"),
        (7, "encoding"),
    ]
    assert [reject.reason.partition(" of the row")[0] for reject in arrived.rejects] == [
        "byte 0xed at byte 0",
        "byte 0xc0 at byte 1",
        "byte 0xf4 at byte 0",
    ]


@pytest.mark.fault("F16", tried="half a letter written as \\ud800 in JSON", outcome="row rejected, column named")
def test_half_a_letter_in_json_costs_its_row(tmp_path: Path) -> None:
    data = (
        b'{"sequence": "one", "label": "a"}\n{"sequence": "\\ud800", "label": "b"}\n{"sequence": "o", "label": "b"}\n'
    )
    arrived = travel(tmp_path, data, format="jsonl")
    assert arrived.sequences == ["one", "o"]
    (reject,) = arrived.rejects
    assert (reject.row, reject.column, reject.rule) == (2, "sequence", "type")
    assert reject.reason == "text with a lone surrogate (half of a letter)"


@pytest.mark.fault("F17", tried="a NUL byte in the sequence and in the class", outcome="rows rejected, column named")
def test_a_nul_byte_costs_its_row(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"f\x00ve,a\nsix,b\x00\nseven,b\n")
    assert arrived.sequences == ["one", "two", "three", "four", "seven"]
    assert arrived.set_aside == [(5, "sequence", "nul"), (6, "label", "nul")]
    assert {reject.reason for reject in arrived.rejects} == {
        "a NUL byte: no text has one, so the file is damaged or binary"
    }


SAME: dict[str, tuple[str, bytes, dict[str, object]]] = {
    "csv": ("text", GOOD, {}),
    "tsv": ("text", GOOD.replace(b",", b"\t"), {}),
    "jsonl": ("text", b'{"sequence": "one", "label": "a"}\n{"sequence": "two", "label": "b"}\n', {}),
    "lines": ("text", b"a: one\nb: two\n", {"pattern": r"^(?P<label>\w): (?P<sequence>.*)$"}),
    "fasttext": ("text", b"__label__a one\n__label__b two\n", {}),
    "ucr": ("series", b"1\t2\t3\n2\t4\t5\n", {}),
    "ts": ("series", b"@univariate true\n@classLabel true a b\n@data\n1,2:a\n3,4:b\n", {}),
    "arff": (
        "series",
        b"@relation r\n@attribute t1 numeric\n@attribute t2 numeric\n@attribute c {a,b}\n@data\n1,2,a\n3,4,b\n",
        {},
    ),
    "wide": ("series", b"label,v1,v2\na,1,2\nb,3,4\n", {"values": ["v*"]}),
    "long": ("series", b"id,time,channel,value,label\np,1,x,5,a\nq,1,x,6,b\n", {"id": "id"}),
    "fasta": ("dna", b">r1 a\nACGT\nAC\n>r2 b\nGGTT\n", {"label_pattern": r"(?P<label>\w)$"}),
    "fastq": ("dna", b"@r1 a\nACGT\n+\nIIII\n@r2 b\nAC\n+\nII\n", {"label_pattern": r"(?P<label>\w)$"}),
}


@pytest.mark.fault(
    "F18", tried="CR LF and CR alone as line ends, in every format", outcome="accepted, identical values"
)
@pytest.mark.parametrize("format", SAME)
def test_every_line_end_gives_the_same_values(format: str, tmp_path: Path) -> None:
    kind, data, options = SAME[format]
    plain = travel(tmp_path / "lf", {"d": data}, kind, format=format, **options)  # type: ignore[arg-type]
    assert plain.rejects == []
    for name, ending in (("crlf", b"\r\n"), ("cr", b"\r")):
        other = ingested(tmp_path / name, {"d": data.replace(b"\n", ending)}, kind, format=format, **options)  # type: ignore[arg-type]
        assert other.equals(plain.table), name


@pytest.mark.fault("F18", tried="LF and CR LF mixed in one csv file", outcome="accepted, identical values")
def test_mixed_line_ends_in_a_table_give_the_same_values(tmp_path: Path) -> None:
    mixed = b"sequence,label\r\none,a\ntwo,b\nthree,a\r\nfour,b"
    assert ingested(tmp_path / "mixed", {"d": mixed}).equals(travel(tmp_path / "lf", {"d": GOOD}).table)
