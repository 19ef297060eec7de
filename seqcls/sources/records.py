"""Bytes -> records of fields: quoting as in RFC 4180, one record at a time; each fault names its record.

A field that begins with a quote ends at the next single quote, which a delimiter or the end of the record must follow;
a quote inside an unquoted field is an ordinary character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources.blocks import too_long, undecodable
from seqcls.sources.reading import Reading

# The longest field seen in public text sets (reviews, e-mails) has under 100 line breaks. A stray quote closes at the
# next stray quote, often hundreds of lines later: the lines in between would silently become one text.
MAX_QUOTED_LINES = 200
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')  # possessive: a doubled quote never ends a field


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
    """How fields are separated."""

    delimiter: str
    quoting: bool
    skip_blank: bool = True  # a blank line is not a record, unless there is only one column

    @classmethod
    def of(cls, source: SourceConfig) -> Dialect:
        is_tsv = source.format == "tsv"
        quoting = source.quoting if source.quoting is not None else not is_tsv
        return cls(source.delimiter or ("\t" if is_tsv else ","), quoting)

    def unclosed(self, reading: Reading, row: int, how: str) -> DataRefused:
        return reading.refuse(
            f"a quote opens in record {row} and {how}", row=row,
            expected=f"a closing quote within {MAX_QUOTED_LINES} lines",
            next_step="if quotes are plain characters in this file set source.quoting = false, else fix this record",
        )  # fmt: skip


def split_records(
    reading: Reading, dialect: Dialect, data: bytes, offset: int, first_row: int, is_last: bool, records: list[Record]
) -> bytes:
    """Append the records of `data`; returns the bytes of a record that is still open at the end."""
    lines = data.splitlines(keepends=True)
    at, row = 0, first_row
    while at < len(lines):
        line = _strip_break(lines[at])
        if not line and len(lines[at]) and dialect.skip_blank:
            offset += len(lines[at])
            at += 1
            continue
        if not dialect.quoting or b'"' not in line:
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
    return b""


def _strip_break(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line.removesuffix(b"\r")


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
            and b'"' not in lines[at + taken - 1]
            and taken <= MAX_QUOTED_LINES
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
        fields = _split(record_bytes, dialect.delimiter.encode())
        if fields is None and taken > MAX_QUOTED_LINES:
            raise dialect.unclosed(reading, row, f"is not closed within {MAX_QUOTED_LINES} lines")
        if isinstance(fields, int):
            return 1, _stray(lines[at], row, fields, taken)
        if fields is not None:
            if reason := undecodable(record_bytes, reading.source.encoding, offset):
                return taken, _faulty(row, record_bytes, "encoding", reason)
            return taken, Record(row, record_bytes, [field.decode("utf-8") for field in fields])
    return 0, _faulty(row, b"", "quote", "open")


def _split(record: bytes, delimiter: bytes) -> list[bytes] | int | None:
    """Fields; None when a quote is still open; the field's number when text follows a closing quote."""
    fields, at = [], 0
    while True:
        if record[at : at + 1] == b'"':
            match = _QUOTED.match(record, at)
            if match is None:
                return None
            fields.append(match[0][1:-1].replace(b'""', b'"'))
            at = match.end()
            if at < len(record) and not record.startswith(delimiter, at):
                return len(fields)
        else:
            end = record.find(delimiter, at)
            end = len(record) if end < 0 else end
            fields.append(record[at:end])
            at = end
        if at >= len(record):
            return fields
        at += len(delimiter)


def _stray(line: bytes, row: int, field: int, taken: int) -> Record:
    """Only the line with the opening quote is rejected: those after it are read again as separate records."""
    where = "" if taken == 1 else f", which opened {taken - 1} lines above,"
    reason = f"field {field}: text follows the closing quote{where} where a delimiter is expected"
    return _faulty(row, _strip_break(line), "quote", reason)


def _faulty(row: int, raw: bytes, rule: str, fault: str) -> Record:
    return Record(row, raw, [], rule, fault)
