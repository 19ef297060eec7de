"""What the world sends: each bad file gives one clear message or exact rejects, and never anything else.

Encodings, quoting, cut files, wrong formats, bombs, files that change while they are read; and seeded mutations.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources import blocks, read_file
from seqcls.sources.discover import find_files
from seqcls.table import Kind
from tests.mutations import GOOD, HEAD, SEEDS, mutate, parquet, read_mutated
from tests.real_seeds import REAL_ROADS, read_real_seeds
from tests.seqcls.reading_files import read, read_bytes


def zipped(name: str = "../../escape.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, GOOD)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("data.csv")
        entry.size = len(GOOD)
        archive.addfile(entry, io.BytesIO(GOOD))
    return out.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


LARGE = gzip.compress(HEAD + b"".join(b"text %d,a\n" % n for n in range(5000)))
REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "an empty file": (b"", {}, r"data.csv: no rows: the file is empty.*Next: deliver the file again"),
    "only blank lines": (b"\n\n\r\n", {}, "no rows"),
    "all rows one field longer": (
        HEAD + b"1,one,a\n2,two,b\n",
        {},
        r"data.csv:1: every record has 3 fields; expected 2 \(sequence, label\)",
    ),
    "a delimiter at the end of every row": (
        HEAD + b"one,a,\ntwo,b,\n",
        {},
        "every record ends in a delimiter.*remove the delimiter",
    ),
    "a quote that never closes": (
        GOOD + b'"four,a\nfive,b\n',
        {},
        "data.csv:4: a quote opens in record 4 and is never closed.*quoting = false",
    ),
    "two stray quotes 800 lines apart": (
        GOOD + b'"four,a\n' + b"filler,b\n" * 800 + b'and",a\n',
        {},
        "data.csv:4: a quote opens in record 4 and is not closed within 200 lines",
    ),
    "a quoted field beyond the row limit": (
        GOOD + b'"' + (b"x" * 60 + b"\n") * 40 + b'",a\n',
        {"max_row_bytes": 1000},
        "record 4 and the field is longer than source.max_row_bytes = 1000",
    ),
    "a file cut in its last row": (GOOD + b"fo", {}, "data.csv:4: the file ends within record 4: 1 of 2 fields"),
    "a column named twice": (
        b"sequence,sequence,label\na,b,c\n",
        {},
        r"data.csv: 'sequence' occurs twice among the columns.*Next: rename",
    ),
    "a renamed column": (
        b"sequence,lable\na,b\n",
        {},
        "no column 'label'; the nearest is 'lable'; expected it among .*'sequence', 'lable'",
    ),
    "a missing column": (
        b"sequence,x,y\na,b,c\n",
        {},
        "no column 'label'; expected it among the columns found: 'sequence', 'x', 'y'",
    ),
    "another delimiter": (b"sequence;label\na;b\n", {}, "one column found.*a semicolon.*set source.delimiter"),
    "another delimiter without a header": (
        b"a;b\nc;d\n",
        {"header": False, "columns": ["sequence", "label"]},
        "every record has 1 field; expected 2 .*source.delimiter",
    ),
    "an HTML page": (b"<!DOCTYPE html>\n<html><body>502, sorry</body></html>\n", {}, "looks like HTML.*fetch it again"),
    "a JSON error": (b'{"error": "not found"}\n', {}, "looks like JSON"),
    "Parquet under the name of csv": (parquet(), {}, "looks like Parquet; expected text"),
    "gzip without its ending": (gzip.compress(GOOD), {}, r"looks like gzip.*rename the file to NAME.gz"),
    "a zip archive": (zipped(), {}, "looks like zip.*unpack"),
    "an Excel workbook": (zipped("[Content_Types].xml"), {}, "looks like an Excel workbook.*save the sheet as CSV"),
    "a tar archive": (tarred(), {}, "looks like tar.*unpack"),
    "UTF-16": (GOOD.decode().encode("utf-16"), {}, 'looks like UTF-16.*encoding = "utf-16"'),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-le"), {}, "looks like UTF-16"),
    "a header that is not text": (
        b"s\xe9quence,label\na,b\n",
        {},
        "data.csv:0: the header cannot be read: byte 0xe9 at byte 1.*cp1252",
    ),
    "gzip cut short": (
        LARGE[:-500],
        {"name": "data.csv.gz"},
        "data.csv.gz: the gzip file ends too early.*fetch the file again",
    ),
    "gzip with a wrong checksum": (flipped(LARGE, len(LARGE) - 6), {"name": "data.csv.gz"}, "not a valid gzip file"),
    "gzip damaged inside": (flipped(LARGE, len(LARGE) // 2), {"name": "data.csv.gz"}, "not a valid gzip file"),
    "plain text named .gz": (GOOD, {"name": "data.csv.gz"}, "not a valid gzip file"),
    "a gzip bomb": (
        gzip.compress(HEAD + b"a" * 5_000_000),
        {"name": "data.csv.gz", "max_file_bytes": 100_000},
        "more than 100000 bytes after unpacking",
    ),
    "a file that is too large": (
        GOOD,
        {"max_file_bytes": 10},
        "more than 10 bytes; expected at most source.max_file_bytes",
    ),
    "csv under the name of Parquet": (GOOD, {"format": "parquet"}, "not a Parquet file: it begins with b'sequ'"),
    "Parquet cut short": (parquet()[:-200], {"format": "parquet"}, "not a valid Parquet file.*fetch the file again"),
    "Parquet with a flipped page": (flipped(parquet(), 20), {"format": "parquet"}, "not a valid Parquet file"),
    "csv as FASTA": (
        GOOD,
        {"format": "fasta", "kind": "dna", "labels": {"*": "a"}},
        "data.csv:1: not a valid fasta file.*Expected '>'",
    ),
    "FASTQ cut short": (
        b"@a\nACGT\n+\nIIII\n@b\nAC",
        {"format": "fastq", "kind": "dna", "labels": {"*": "a"}},
        "data.csv:6: not a valid fastq file.*Premature end",
    ),
    "FASTA with letters that are not ASCII": (
        ">a\nACÉT\n".encode("cp1252"),
        {"format": "fasta", "kind": "dna", "labels": {"*": "a"}},
        "not a valid fasta file",
    ),
    "sequences without a class": (
        b">a\nACGT\n",
        {"format": "fasta", "kind": "dna"},
        "the class of a .* is not defined.*labels = ",
    ),
    "lines without a class": (b"one\n", {"format": "lines"}, "the class of a .* is not defined.*source.labels"),
    "a file that no label names": (
        b"one\n",
        {"format": "lines", "labels": {"*.pos": "a"}},
        r"no class for this file; expected a name that matches one of \*.pos",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_the_place_and_the_next_step(case: str, tmp_path: Path) -> None:
    data, options, message = REFUSED[case]
    options = dict(options)
    kind: Kind = options.pop("kind", "text")
    with pytest.raises(DataRefused) as caught:
        read_bytes(tmp_path, data, kind, **options)
    text = str(caught.value)
    assert text.startswith(options.get("name", "data.csv"))
    assert "Next: " in text
    assert caught.match(message)


@pytest.mark.slow
def test_a_parquet_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = parquet()
    for length in range(0, len(data), 3):
        with pytest.raises(DataRefused):
            read_bytes(tmp_path, data[:length], format="parquet")


@pytest.mark.slow
def test_a_parquet_file_with_any_byte_damaged_is_read_or_refused(tmp_path: Path) -> None:
    data = parquet()
    outcomes = {"read": 0, "refused": 0}
    for at in range(0, len(data), 2):
        try:
            assert read_bytes(tmp_path, flipped(data, at), format="parquet").rows_in <= 500
            outcomes["read"] += 1
        except DataRefused:
            outcomes["refused"] += 1
    assert outcomes["refused"] > outcomes["read"]


REJECTED: dict[str, tuple[bytes, dict[str, Any], list[str], list[tuple[int, str, str]]]] = {
    "a short row": (HEAD + b"one,a\n2\nthree,a\n", {}, ["one", "three"], [(2, "fields", "expected 2 fields, got 1")]),
    "a long row": (
        HEAD + b"one,a\n2,b,c\nthree,a\n",
        {},
        ["one", "three"],
        [(2, "fields", "expected 2 fields, got 3")],
    ),
    "one byte that is not UTF-8": (
        HEAD + b"one,a\nt\xe9o,b\nthree,a\n",
        {},
        ["one", "three"],
        [
            (
                2,
                "encoding",
                "byte 0xe9 at byte 1 of the row (byte 22 of the file) is not UTF-8; "
                'it reads like cp1252: try source.encoding = "cp1252"',
            )
        ],
    ),
    "a bad byte in a malformed row": (
        HEAD + b"one,a\nt\x81o\nthree,a\n",
        {},
        ["one", "three"],
        [(2, "encoding", "byte 0x81 at byte 1 of the row (byte 22 of the file) is not UTF-8")],
    ),
    "a lone surrogate": (HEAD + b"\xed\xa0\x80,a\nok,b\n", {}, ["ok"], [(1, "encoding", "")]),
    "an overlong letter": (HEAD + b"\xc0\xaf,a\nok,b\n", {}, ["ok"], [(1, "encoding", "")]),
    "a NUL byte": (HEAD + b"o\x00e,a\ntwo,b\x00\n", {}, [], [(1, "nul", "a NUL byte"), (2, "nul", "a NUL byte")]),
    "text after a closing quote": (
        HEAD + b'"one" more,a\ntwo,b\n',
        {},
        ["two"],
        [(1, "quote", "field 1: text follows the closing quote")],
    ),
    "a stray quote that the next closes": (
        HEAD + b'"one,a\ntwo,b\nthree"x,a\nfour,b\n',
        {},
        ["two", 'three"x', "four"],
        [(1, "quote", "field 1: text follows the closing quote, which opened 2 lines above,")],
    ),
    "a row that is too long": (
        HEAD + b"one,a\n" + b"x" * 500 + b",b\n",
        {"max_row_bytes": 100},
        ["one"],
        [(2, "row_bytes", "502 bytes; a row may have 100")],
    ),
    "a quoted row that is too long": (
        HEAD + b'one,a\n"' + b"x" * 500 + b'",b\n',
        {"max_row_bytes": 100},
        ["one"],
        [(2, "row_bytes", "504 bytes")],
    ),
    "several fastText labels": (
        b"__label__a one\n__label__a __label__b two\n",
        {"format": "fasttext"},
        ["one"],
        [(2, "label", "several labels")],
    ),
    "a line that does not match": (
        b"A:1 one\nfree\n",
        {"format": "lines", "pattern": r"^(?P<label>\w+):\d (?P<sequence>.*)$"},
        ["one"],
        [(2, "pattern", "")],
    ),
    "times that no clock shows": (
        b"sequence,label,t\n1,a,2026-03-29T02:30:00\n2,a,2026-10-25T02:30:00\n3,a,2026-02-30\n4,a,13/02/2026\n5,a,1700000000\n6,a,2024-02-29\n7,a,\n"
        b"8,a,2026-03-29T02:30:00+01:00\n",
        {"time": "t", "time_zone": "Europe/Berlin"},
        ["6", "7", "8"],
        [
            (1, "time", "does not exist or exists twice"),
            (2, "time", "exists twice in Europe/Berlin"),
            (3, "time", "calendar"),
            (4, "time", "not an ISO 8601 time"),
            (5, "time", "not an ISO 8601 time"),
        ],
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_bad_row_is_set_aside_and_the_others_go_on(case: str, tmp_path: Path) -> None:
    data, options, kept, expected = REJECTED[case]
    result = read_bytes(tmp_path, data, **options)
    assert [text for text, _ in result.rows] == kept
    assert [(row, rule) for row, rule, _ in result.refused] == [(row, rule) for row, rule, _ in expected]
    for (_, _, reason), (_, _, part) in zip(result.refused, expected, strict=True):
        assert part in reason
    assert set(result.rejects["source_file"].to_pylist()) == {"data.csv"}
    assert result.rejects["raw"].null_count == 0


@pytest.mark.parametrize("format", ["csv", "lines", "jsonl", "folder"])
def test_a_row_longer_than_any_block_is_rejected_in_bounded_memory(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    data = b"one,a\n" + b"x" * 50_000 + b"\ntwo,b\n"
    options = {"header": False, "columns": ["sequence", "label"]} if format == "csv" else {"labels": {"*": "a"}}
    result = read_bytes(tmp_path, data, format=format, max_row_bytes=2000, **options)
    rules = [(row, rule) for row, rule, _ in result.refused if rule == "row_bytes"]
    assert rules == [(1 if format == "folder" else 2, "row_bytes")]
    assert result.rows_in == (1 if format == "folder" else 3)


def test_parallel_label_files_of_unequal_length_are_refused_with_both_counts(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one\ntwo\nthree\n")
    for lines in ("a\nb\n", "a\nb\nc\nd\n"):
        (tmp_path / "labels.txt").write_text(lines)
        with pytest.raises(DataRefused, match=rf"text.txt: 3 rows, but {lines.count(chr(10))} classes in labels.txt"):
            read(tmp_path, format="lines", files=["text.txt"], label_files=["labels.txt"])


def test_a_file_that_changes_between_finding_and_reading_is_refused(tmp_path: Path) -> None:
    source = SourceConfig(format="csv", files=["data.csv"])
    for later in (GOOD + b"four,b\n", GOOD.replace(b"one", b"eno")):
        (tmp_path / "data.csv").write_bytes(GOOD)
        (file,) = find_files(source, tmp_path)
        (tmp_path / "data.csv").write_bytes(later)
        with pytest.raises(DataRefused, match=r"data.csv: changed while being read.*ending in .part"):
            list(read_file(file, source, "text", labelled=True, folder=tmp_path))
    (tmp_path / "data.csv").unlink()
    with pytest.raises(DataRefused, match="has disappeared since it was found"):
        list(read_file(file, source, "text", labelled=True, folder=tmp_path))


@pytest.mark.slow
def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4096)
    (tmp_path / "data.csv").write_bytes(HEAD + b"text,a\n" * 100_000)
    source = SourceConfig(format="csv", files=["data.csv"])
    (file,) = find_files(source, tmp_path)

    def grow() -> None:
        with open(tmp_path / "data.csv", "ab") as more:
            more.write(b"late,b\n")

    batches = read_file(file, source, "text", labelled=True, folder=tmp_path)
    next(batches)
    writer = threading.Thread(target=grow)
    writer.start()
    writer.join()
    with pytest.raises(DataRefused, match="changed while being read"):
        list(batches)


def test_a_pipe_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.csv")
    with pytest.raises(DataRefused, match="not a regular file"):
        read(tmp_path, format="csv", files=["data.csv"])


MUTATIONS = 160


@pytest.mark.slow
@pytest.mark.parametrize("format", SEEDS)
def test_mutated_files_are_read_with_balanced_books_or_refused(format: str, tmp_path: Path) -> None:
    seed = SEEDS[format]
    rng = random.Random(f"seqcls {format}")
    outcomes = {"read": 0, "refused": 0}
    for _ in range(MUTATIONS):
        outcomes[read_mutated(tmp_path, format, mutate(seed, rng))] += 1
    assert outcomes["read"] > 0 if format not in ("gz", "parquet") else outcomes["refused"] > 0
    shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("road", REAL_ROADS)
def test_real_rows_mutated_are_read_with_balanced_books_or_refused(road: str, tmp_path: Path, real_data: Path) -> None:
    seed = read_real_seeds()[road]
    assert read_mutated(tmp_path, f"real_{road}", seed) == "read"
    rng = random.Random(f"seqcls real {road}")
    for _ in range(MUTATIONS // 8):
        read_mutated(tmp_path, f"real_{road}", mutate(seed, rng))
