"""csv and tsv: a hand example of each rule of quoting, and that the fast and the exact road agree."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqcls.errors import DataRefused
from seqcls.sources import blocks, quoting
from seqcls.sources.delimited import _Parser
from seqcls.sources.quoting import record_ends
from tests.seqcls.reading_files import Read, read, read_bytes

HEADER = b"sequence,label\n"
quick = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_fields_keep_their_text(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, HEADER + b"NA,null\nnan,None\n007,1.0\n  x ,y\n")
    assert result.rows == [("NA", "null"), ("nan", "None"), ("007", "1.0"), ("  x ", "y")]
    assert result.table["id"].to_pylist() == [f"data.csv:{row}" for row in (1, 2, 3, 4)]


def test_quotes_hold_delimiters_line_breaks_and_doubled_quotes(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, HEADER + b'"a,b",x\n"say ""hi""\nand go",y\nfive" tall,z\n"",w\n')
    assert result.rows == [("a,b", "x"), ('say "hi"\nand go', "y"), ('five" tall', "z"), ("", "w")]
    assert result.table["source_row"].to_pylist() == [1, 2, 3, 4]


def test_blanks_at_the_ends_of_cells_go_where_it_is_asked_for(tmp_path: Path) -> None:
    data = HEADER + b'  ab\t,x \n,y\n\tcd, z\n"  e f ",w\n'
    assert read_bytes(tmp_path, data, strip=True).rows == [("ab", "x"), ("", "y"), ("cd", "z"), ("e f", "w")]
    begins = read_bytes(tmp_path, HEADER + b"ab,x\n cd,y\n", strip=True)
    ends = read_bytes(tmp_path, HEADER + b"ab,x\ncd\t,y\n", strip=True)
    assert begins.rows == ends.rows == [("ab", "x"), ("cd", "y")]


@pytest.mark.parametrize(
    ("data", "ends"),
    [(b'"a"\n"b"', [3, 7]), (b'"a\nb",c\nd,"e"\n', [7, 13]), (b'ab"c",d\n', None),
     (b'"a"b,c\n', None)],
)  # fmt: skip
def test_quotes_that_open_or_close_within_a_field_are_irregular(data: bytes, ends: list[int] | None) -> None:
    found = record_ends(data, ord(","), most_lines=10, most_bytes=100)
    assert (None if found is None else found.tolist()) == ends


def _ends_letter_by_letter(data: bytes, most_lines: int, most_bytes: int) -> list[int] | None:
    """RFC 4180 by its definition; sizes count the line feed."""
    ends, state = [], "start"  # of a field; else plain, quoted, closed (or the first of two quotes)
    for at, letter in enumerate(data.decode()):
        if state == "quoted":
            state = "closed" if letter == '"' else "quoted"
        elif letter == '"' and state != "plain":
            state = "quoted"
        elif letter in ",\n":
            state = "start"
            if letter == "\n":
                ends.append(at)
        elif letter == '"' or (state == "closed" and letter != "\r"):
            return None
        elif state == "start":
            state = "plain"
    if state == "quoted":
        return None
    if not data.endswith(b"\n"):
        ends.append(len(data))
    records = [data[begin:end] for begin, end in zip([0, *(end + 1 for end in ends)], ends, strict=False)]
    fits = all(record.count(b"\n") < most_lines and len(record) < most_bytes for record in records)
    return ends if fits else None


_PARTS = (b'"a"', b'"a\nb"', b'""', b'"x""y"', b'"', b"a", b",", b"\n", b"\r\n", b'\n"', b',"')


@pytest.mark.slow
@given(data=st.lists(st.sampled_from(_PARTS), min_size=1, max_size=12).map(b"".join), piece=st.sampled_from([1, 3, 99]))
@settings(max_examples=1000, deadline=None)
def test_records_end_where_they_do_letter_by_letter(data: bytes, piece: int) -> None:
    """Whatever stands where, and wherever the pieces of the search are cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quoting, "_PIECE", piece)
        for most_lines, most_bytes in ((10, 100), (2, 12)):
            found = record_ends(data, ord(","), most_lines, most_bytes)
            expected = _ends_letter_by_letter(data, most_lines, most_bytes)
            assert (None if found is None else found.tolist()) == expected


def test_lines_of_a_record_are_counted_across_its_doubled_quotes(tmp_path: Path) -> None:
    record = b'"' + b"a\n" * 150 + b'""' + b"b\n" * 150 + b'",x\n'
    with pytest.raises(DataRefused, match="a quote opens in record 1 and is not closed within 200 lines"):
        read_bytes(tmp_path, HEADER + record)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_breaks_and_byte_order_mark_do_not_change_the_values(tmp_path: Path, newline: bytes, mark: bytes) -> None:
    data = mark + HEADER + b"ab,x\n\ncd,y"
    assert read_bytes(tmp_path, data.replace(b"\n", newline)).rows == [("ab", "x"), ("cd", "y")]


def test_a_stray_carriage_return_is_a_character_where_lines_end_in_line_feeds(tmp_path: Path) -> None:
    """It never ends a record whose half is then accepted."""
    data = b"label,sequence\r\nx,ab\r\ny,c\rd\nz,e\rf,g\nx,hi\r\r\n"
    result = read_bytes(tmp_path, data)
    assert result.rows == [("ab", "x"), ("c\rd", "y"), ("hi", "x")]
    assert result.refused == [(3, "fields", "expected 2 fields, got 3")]


BACKSLASH = {"escape": "\\"}


@pytest.mark.parametrize(
    ("line", "sequence", "options"),
    [
        (r'"says \"app\", then",x', 'says "app", then', BACKSLASH),
        (r'"C:\\temp\\",x', "C:\\temp\\", BACKSLASH),
        (r'"a ""b"" \"c\" \d",x', 'a "b" "c" \\d', BACKSLASH),
        (r"one\, two \\,x", "one, two \\", BACKSLASH),
        ('"two\nlines \\" of it",x', 'two\nlines " of it', BACKSLASH),
        ("'it''s, so',x", "it's, so", {"quote": "'"}),
        ("'say \"hi\"',x", 'say "hi"', {"quote": "'"}),
        ('"a, b" , "x"', "a, b", {"strip": True}),
    ],
)
def test_quotes_and_escapes_as_programs_write_them(
    tmp_path: Path, line: str, sequence: str, options: dict[str, object]
) -> None:
    assert read_bytes(tmp_path, HEADER + f"{line}\nplain,y\n".encode(), **options).rows == [
        (sequence, "x"),
        ("plain", "y"),
    ]


def test_a_file_with_backslashes_before_quotes_is_told_the_setting(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, HEADER + b'"says \\"app\\", then",x\nplain,y\n')
    ((_, rule, reason),) = result.refused
    assert rule == "quote"
    assert reason.endswith(r"backslashes seem to escape quotes in this file: set source.escape = '\\'")


def test_a_long_quoted_field_is_read_where_the_limit_is_raised(tmp_path: Path) -> None:
    mail = "\n".join(f"line {number}" for number in range(260))
    data = HEADER + f'"{mail}",x\nshort,y\n'.encode()
    with pytest.raises(
        DataRefused, match=r"within 200 lines \(source\.max_quoted_lines\).*raise source\.max_quoted_lines"
    ):
        read_bytes(tmp_path, data)
    assert read_bytes(tmp_path, data, max_quoted_lines=300).rows == [(mail, "x"), ("short", "y")]


def test_the_header_is_a_record_and_only_columns_that_are_asked_for_must_be_unique(tmp_path: Path) -> None:
    data = b'"sequence\n(text)",label,,,note,note\nab,x,1,2,3,4\n'
    assert read_bytes(tmp_path, data, sequence="sequence\n(text)").rows == [("ab", "x")]
    with pytest.raises(DataRefused, match="'note' occurs twice among the columns"):
        read_bytes(tmp_path, data, sequence="note")


def test_lines_before_the_header_are_skipped_where_the_config_says_so(tmp_path: Path) -> None:
    data = b"sep=;\nsequence;label\nab;x\n"
    with pytest.raises(
        DataRefused, match=r'first line is .sep=;.*set source\.skip_lines = 1 and source\.delimiter = ";"'
    ):
        read_bytes(tmp_path, data)
    assert read_bytes(tmp_path, data, skip_lines=1, delimiter=";").rows == [("ab", "x")]
    bare = b"a title\n\nab,x\n"
    assert read_bytes(tmp_path, bare, skip_lines=2, header=False, columns=["sequence", "label"]).rows == [("ab", "x")]


def test_letters_that_only_unicode_calls_line_breaks_stay_in_the_text(tmp_path: Path) -> None:
    text = "a\u0085b\u2028c\x0bd\x0ce\x1cf"
    assert read_bytes(tmp_path, HEADER + f"{text},x\n".encode()).rows == [(text, "x")]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32", "shift_jis", "utf-8-sig"])
def test_encodings_are_read_as_declared(tmp_path: Path, encoding: str) -> None:
    letter = "表" if encoding == "shift_jis" else "é"  # its second byte in Shift JIS is a backslash
    data = f"sequence,label\ncaf{letter},x\n".encode(encoding)
    assert read_bytes(tmp_path, data, encoding=encoding).rows == [(f"caf{letter}", "x")]


def test_a_byte_that_the_encoding_lacks_costs_its_row_alone(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, HEADER + b"ab,x\nc\x81d,y\nef,z\n", encoding="cp1252")
    assert result.rows == [("ab", "x"), ("ef", "z")]
    assert result.refused == [(2, "encoding", "byte 0x81 at byte 1 of the row is not cp1252")]


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    data = b"label,extra,t` == 1,who,when\nx,1,abc,anna,2026-01-02T03:04:05Z\n"
    result = read_bytes(tmp_path, data, sequence="t` == 1", group="who", time="when")
    row = result.table.to_pylist()[0]
    assert (row["sequence"], row["label"], row["group"], row["time"].isoformat()) == (
        "abc",
        "x",
        "anna",
        "2026-01-02T03:04:05+00:00",
    )


def test_new_data_needs_no_label_column_but_keeps_one(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"sequence\nabc\n", labelled=False).rows == [("abc", None)]
    assert read_bytes(tmp_path, b"sequence,label\nabc,x\n", labelled=False).rows == [("abc", "x")]


def test_a_blank_label_is_missing_and_a_blank_id_is_rejected(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, b"id,sequence,label\n7,abc,\n,def,x\n", id="id")
    assert result.rows == [("abc", None)]
    assert [(row, rule) for row, rule, _ in result.refused] == [(2, "id")]


def test_gzip_is_unpacked_on_the_way(tmp_path: Path) -> None:
    data = gzip.compress(HEADER + b"ab,x\n") + gzip.compress(b"cd,y\n")  # two members are one file
    assert read_bytes(tmp_path, data, name="data.csv.gz").rows == [("ab", "x"), ("cd", "y")]


def test_one_column_counts_blank_lines(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, b"sequence\nab\n\ncd\n", labelled=False)
    assert [text for text, _ in result.rows] == ["ab", "", "cd"]
    quoted = read_bytes(tmp_path, b'sequence\r\n"ab"\r\n\r\ncd\r\n\r\n', labelled=False)
    assert [text for text, _ in quoted.rows] == ["ab", "", "cd", ""]


def test_a_reject_lists_every_reason_and_its_raw_text(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, b"id,sequence,label,t\n,ab\x00c,x,soon\n1,ok,y,2026-01-01\n", id="id", time="t")
    row = result.rejects.to_pylist()[0]
    assert row["rules"] == ["id", "nul", "time"]
    assert row["raw"] == ",ab\x00c,x,soon"


def exact(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: object) -> Read:
    """The same files without the fast road."""
    with monkeypatch.context() as patch:
        patch.setattr(_Parser, "_through_arrow", lambda self, data: None)
        return read(folder, **options)  # type: ignore[arg-type]


def outcome(reading: Callable[[], Read]) -> Read | str:
    """What was read, or the refusal."""
    try:
        return reading()
    except DataRefused as error:
        return str(error)


fields = st.text(st.sampled_from([*list("ab \t;é"), '"', ",", "\n", "\r", "\x00", "�"]), max_size=6)


@pytest.mark.slow
@quick
@given(
    rows=st.lists(st.lists(fields, min_size=1, max_size=4), min_size=1, max_size=8),
    block=st.sampled_from([1, 7, 64, 1 << 20]),
    quoting=st.booleans(),
)
def test_the_two_roads_agree_on_rows_and_rejects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], block: int, quoting: bool
) -> None:
    text = "sequence,label\nok,x\n" + "\n".join(",".join(row) for row in rows) + "\n" + 'fine,"x"\n' * quoting
    (tmp_path / "data.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    options = {"format": "csv", "files": ["data.csv"], "quoting": quoting}
    slow = outcome(lambda: exact(tmp_path, monkeypatch, **options))
    fast = outcome(lambda: read(tmp_path, **options))
    if isinstance(slow, str) or isinstance(fast, str):
        assert fast == slow
        return
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", block)
        small = outcome(lambda: read(tmp_path, **options))
    assert isinstance(small, Read)
    assert fast.table.equals(slow.table)
    assert fast.rejects.equals(slow.rejects)
    assert small.table.equals(slow.table)
    assert small.refused == slow.refused


@pytest.mark.slow
@quick
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=12),
            st.sampled_from("xyz"),
        ),
        min_size=1,
        max_size=10,
    ),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    block=st.sampled_from([16, 64, 1 << 20]),
)
def test_what_pythons_writer_writes_is_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str]], quoting: int, newline: str, block: int
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator=newline)  # type: ignore[arg-type]
    writer.writerows([("sequence", "label"), *rows])
    (tmp_path / "data.csv").write_bytes(out.getvalue().encode())
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", block)
        result = read(tmp_path, format="csv", files=["data.csv"])
    assert result.rows == rows
    assert result.table["source_row"].to_pylist() == list(range(1, len(rows) + 1))


def test_many_blocks_give_the_rows_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f'text {n}, "quoted"\n' if n % 7 == 0 else f"text {n}", "xyz"[n % 3]) for n in range(3000)]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([("sequence", "label"), *rows])
    (tmp_path / "data.csv").write_bytes(out.getvalue().encode())
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 997)
    assert read(tmp_path, format="csv", files=["data.csv"]).rows == rows


regular = st.lists(st.sampled_from(["a", "b", ",", '"', "\n", "\r\n"]), max_size=5).map("".join)


@pytest.mark.slow
@quick
@given(
    rows=st.lists(st.tuples(regular, st.booleans(), regular, st.booleans()), min_size=1, max_size=6),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_regular_quotes_take_the_fast_road_to_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, bool, str, bool]], newline: str
) -> None:
    def written(text: str, is_quoted: bool) -> str:
        return '"' + text.replace('"', '""') + '"' if is_quoted or set(text) & set('",\n\r') else text

    lines = ["sequence,label", *(f"{written(a, p)},{written(b, q)}" for a, p, b, q in rows)]
    (tmp_path / "data.csv").write_bytes((newline.join(lines) + newline).encode())
    slow = exact(tmp_path, monkeypatch, format="csv", files=["data.csv"])
    with monkeypatch.context() as patch:
        patch.setattr(_Parser, "_one_by_one", None)  # calling it would fail
        fast = read(tmp_path, format="csv", files=["data.csv"])
    assert fast.table.equals(slow.table)
    assert fast.rows == [(a, b if b.strip() else None) for a, _, b, _ in rows]
