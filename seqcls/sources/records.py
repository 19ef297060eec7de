"""Bytes -> records of fields: quoting as in RFC 4180, one record at a time; each fault names its record.

A field that begins with a quote ends at the next single quote, which a delimiter or the end of the record must follow;
a quote inside an unquoted field is an ordinary character. With `source.escape`, the character after it (a quote, the
delimiter, a line break or itself) is an ordinary character, too.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources.blocks import too_long, undecodable
from seqcls.sources.reading import Reading


@dataclass(frozen=True)
class Record:
    """Fields of one record, or why it is invalid."""

    row: int
    raw: bytes
    fields: list[str]
    rule: str = ""
    fault: str | None = None


@dataclass(frozen=True)
class Dialect:
    """How fields are separated, quoted and escaped."""

    delimiter: str
    quoting: bool
    quote: bytes = b'"'
    escape: bytes = b""
    strip: bool = False
    """Whether blanks before a quote belong to no field."""
    most_lines: int = 200
    skip_blank: bool = True  # a blank line is not a record, unless there is only one column

    @classmethod
    def of(cls, source: SourceConfig) -> Dialect:
        is_tsv = source.format == "tsv"
        quoting = source.quoting if source.quoting is not None else not is_tsv
        return cls(
            source.delimiter or ("\t" if is_tsv else ","), quoting, source.quote.encode(),
            (source.escape or "").encode(), source.strip, source.max_quoted_lines,
        )  # fmt: skip

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """A quoted field; possessive: a doubled or escaped quote never ends it."""
        quote, plain = re.escape(self.quote), re.escape(self.quote + self.escape)
        inner = rb"|".join([quote * 2, *([re.escape(self.escape) + rb"[\s\S]"] if self.escape else [])])
        return re.compile(rb"%s[^%s]*+(?:(?:%s)[^%s]*+)*+%s" % (quote, plain, inner, plain, quote))

    @cached_property
    def special(self) -> re.Pattern[bytes]:
        """What a quoted field has twice, or behind the escape character."""
        quote, escape = re.escape(self.quote), re.escape(self.escape)
        after = rb"[%s%s\r\n]" % (re.escape(self.quote + self.escape), re.escape(self.delimiter.encode()))
        return re.compile(rb"%s(%s)" % (quote, quote) + (rb"|%s(%s)" % (escape, after) if self.escape else b""))

    def plain(self, text: bytes) -> bytes:
        """The text of a field, without the characters that only mark others."""
        if self.quote not in text and (not self.escape or self.escape not in text):
            return text
        return self.special.sub(lambda found: found[found.lastindex or 0], text)

    def unclosed(self, reading: Reading, row: int, how: str) -> DataRefused:
        return reading.refuse(
            f"a quote opens in record {row} and {how}", row=row,
            expected=f"a closing quote within {self.most_lines} lines (source.max_quoted_lines)",
            next_step="if the field is that long raise source.max_quoted_lines, if quotes are plain characters in this "
            "file set source.quoting = false, else fix this record",
        )  # fmt: skip


def split_records(
    reading: Reading, dialect: Dialect, data: bytes, offset: int, first_row: int, is_last: bool,
    records: list[Record], most: int | None = None,
) -> bytes:  # fmt: skip
    """Append the records of `data`, or the first so many; returns the bytes that are left, such as an open record."""
    lines = io.BytesIO(data).readlines()
    at, row = 0, first_row
    while at < len(lines) and (most is None or len(records) < most):
        line = _strip_break(lines[at])
        if not line and len(lines[at]) and dialect.skip_blank:
            offset += len(lines[at])
            at += 1
            continue
        if not (dialect.quoting and dialect.quote in line) and not (dialect.escape and dialect.escape in line):
            taken, record = 1, _plain(reading, dialect, line, row, offset)
        else:
            taken, record = _quoted(reading, dialect, lines, at, row, offset)
            if taken == 0 and not is_last:
                return b"".join(lines[at:])
            if taken == 0:
                raise dialect.unclosed(reading, row, "is never closed")
        records.append(record)
        offset += sum(map(len, lines[at : at + taken]))
        at += taken
        row += 1
    return b"".join(lines[at:])


def _strip_break(line: bytes) -> bytes:
    """Without LF, CR LF or CR CR LF."""
    return line.removesuffix(b"\n").rstrip(b"\r") if line.endswith(b"\n") else line.removesuffix(b"\r")


def _plain(reading: Reading, dialect: Dialect, line: bytes, row: int, offset: int) -> Record:
    if len(line) > reading.source.max_row_bytes:
        return _faulty(row, line, "row_bytes", str(too_long(reading, row, len(line), b"")["reasons"][0]))  # type: ignore[index]
    if reason := undecodable(line, reading.source.encoding, offset):
        return _faulty(row, line, "encoding", reason)
    return Record(row, line, line.decode("utf-8").split(dialect.delimiter))


def _quoted(
    reading: Reading, dialect: Dialect, lines: list[bytes], at: int, row: int, offset: int
) -> tuple[int, Record]:
    """(lines used, record); no line is used if the record does not end in these lines."""
    text = b""
    for taken in range(1, len(lines) - at + 1):
        text += lines[at + taken - 1]
        if (
            taken > 1
            and dialect.quote not in lines[at + taken - 1]
            and taken <= dialect.most_lines
            and len(text) <= reading.source.max_row_bytes
        ):
            continue  # still inside the quoted field
        record_bytes = _strip_break(text)
        if len(record_bytes) > reading.source.max_row_bytes:
            if taken == 1:
                return 1, _plain(reading, dialect, record_bytes, row, offset)
            raise dialect.unclosed(
                reading, row, f"the field is longer than source.max_row_bytes = {reading.source.max_row_bytes}"
            )
        fields = _split(record_bytes, dialect)
        if fields is None and taken > dialect.most_lines:
            raise dialect.unclosed(reading, row, f"is not closed within {dialect.most_lines} lines")
        if isinstance(fields, int):
            return 1, _stray(lines[at], row, fields, taken, dialect)
        if fields is not None:
            if reason := undecodable(record_bytes, reading.source.encoding, offset):
                return taken, _faulty(row, record_bytes, "encoding", reason)
            return taken, Record(row, record_bytes, [field.decode("utf-8") for field in fields])
    return 0, _faulty(row, b"", "quote", "open")


def _split(record: bytes, dialect: Dialect) -> list[bytes] | int | None:
    """Fields; None when a quote is still open; the field's number when text follows a closing quote."""
    delimiter = dialect.delimiter.encode()
    fields, at = [], 0
    while True:
        start = at + len(record[at:]) - len(record[at:].lstrip(b" ")) if dialect.strip else at
        if dialect.quoting and record.startswith(dialect.quote, start):
            match = dialect.quoted.match(record, start)
            if match is None:
                return None
            fields.append(dialect.plain(match[0][len(dialect.quote) : -len(dialect.quote)]))
            at = match.end()
            while dialect.strip and record[at : at + 1] == b" ":
                at += 1
            if at < len(record) and not record.startswith(delimiter, at):
                return len(fields)
        else:
            end = _end_of_field(record, at, delimiter, dialect.escape)
            text = record[at:end]
            fields.append(dialect.special.sub(_escaped, text) if dialect.escape and dialect.escape in text else text)
            at = end
        if at >= len(record):
            return fields
        at += len(delimiter)


def _end_of_field(record: bytes, at: int, delimiter: bytes, escape: bytes) -> int:
    """Where the next delimiter stands that no escape character precedes."""
    end = record.find(delimiter, at)
    while escape and end > 0 and (end - len(record[at:end].rstrip(escape)) - at) % 2:
        end = record.find(delimiter, end + 1)
    return len(record) if end < 0 else end


def _escaped(found: re.Match[bytes]) -> bytes:
    """In an unquoted field, doubled quotes are two characters."""
    return found[2] if found[2] is not None else found[0]


def _stray(line: bytes, row: int, field: int, taken: int, dialect: Dialect) -> Record:
    """Only the line with the opening quote is rejected: those after it are read again as separate records."""
    where = "" if taken == 1 else f", which opened {taken - 1} lines above,"
    reason = f"field {field}: text follows the closing quote{where} where a delimiter is expected"
    if not dialect.escape and b"\\" + dialect.quote in line:
        reason += "; backslashes seem to escape quotes in this file: set source.escape = '\\\\'"
    return _faulty(row, _strip_break(line), "quote", reason)


def _faulty(row: int, raw: bytes, rule: str, fault: str) -> Record:
    return Record(row, raw, [], rule, fault)
