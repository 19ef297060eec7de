"""The first record of a delimited file: the column names, or a sign that the file is something else."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator

from seqcls.sources.blocks import Block
from seqcls.sources.reading import Reading
from seqcls.sources.records import Dialect, Record, split_records

_SEP = re.compile(r"sep=(.)?")
_OTHER_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def open_header(reading: Reading, dialect: Dialect, blocks: Iterator[Block]) -> tuple[list[str], Iterator[Block]]:
    """(names, the blocks after the header)."""
    source = reading.source
    if not source.header and not source.skip_lines and source.columns:
        return list(source.columns), blocks
    for block in blocks:
        if block.overlong:
            raise reading.refuse(
                "the first line is longer than source.max_row_bytes",
                row=0,
                expected="a header",
                next_step="check source.format",
            )
        lines = io.BytesIO(block.data)
        for _ in range(source.skip_lines):
            lines.readline()
        data = lines.read().lstrip(b"\r\n")
        if not data:
            continue
        names, rest = _names(reading, dialect, data, block.is_last)
        after = Block(rest, block.offset + len(block.data) - len(rest), is_last=block.is_last)
        return names, itertools.chain([after], blocks)
    raise reading.refuse(
        "no rows: the file is empty", expected="a header and records", next_step="deliver the file again"
    )


def _names(reading: Reading, dialect: Dialect, data: bytes, is_last: bool) -> tuple[list[str], bytes]:
    """The names, and the bytes after the header, if there is one."""
    if not reading.source.header and reading.source.columns:
        return list(reading.source.columns), data
    records: list[Record] = []
    rest = split_records(reading, dialect, data, 0, 0, is_last, records, most=1)
    if not records:
        raise dialect.unclosed(reading, 0, "is not closed in the first block of the file")
    fault = records[0].fault
    if fault is not None:
        raise reading.refuse(
            f"the header cannot be read: {fault}", row=0, next_step="check source.encoding and source.quoting"
        )
    if not reading.source.header:
        return [str(position) for position in range(len(records[0].fields))], data
    names: list[str] = records[0].fields
    if reading.source.strip:
        names = [name.strip(" \t") for name in names]
    _check_names(reading, dialect, names)
    return names, rest


def _check_names(reading: Reading, dialect: Dialect, names: list[str]) -> None:
    """Refuse a first line that is no header of this config."""
    said = _SEP.fullmatch(dialect.delimiter.join(names))
    if said:
        raise reading.refuse(
            f"the first line is {said[0]!r}, which tells Excel the delimiter", row=0, expected="a header",
            next_step=f'set source.skip_lines = 1 and source.delimiter = "{said[1]}"',
        )  # fmt: skip
    if reading.source.columns and reading.source.columns != names:
        raise reading.refuse(
            f"the header is {', '.join(names[:20])}", row=0,
            expected=f"source.columns = {', '.join(reading.source.columns)}",
            next_step="remove source.columns, or set source.header = false if the first line is a record",
        )  # fmt: skip
    if not set(names) & set(reading.sequence_columns):
        _refuse_json(reading, names[0])
        if len(names) == 1:
            _refuse_one_column(reading, dialect, names[0])


def _refuse_json(reading: Reading, first: str) -> None:
    """An object or a list instead of the header: an error page of a server, or another format."""
    if first.lstrip().startswith(("{", "[")):
        raise reading.refuse(
            "looks like JSON",
            row=1,
            expected=f"a {reading.source.format} file",
            next_step='if the download failed fetch it again, otherwise set source.format = "jsonl"',
        )


def _refuse_one_column(reading: Reading, dialect: Dialect, only: str) -> None:
    """A wrong delimiter leaves a single column."""
    other = [name for letter, name in _OTHER_DELIMITERS.items() if letter != dialect.delimiter and letter in only]
    if other:
        raise reading.refuse(
            f"one column found: {only[:80]!r}; the fields seem to be separated by {other[0]}",
            row=0, expected=f"columns separated by {dialect.delimiter!r}", next_step="set source.delimiter",
        )  # fmt: skip
