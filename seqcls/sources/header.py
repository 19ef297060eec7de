"""The first record of a delimited file: the column names, or a sign that the file is something else."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from seqcls.sources.blocks import Block
from seqcls.sources.reading import Reading
from seqcls.sources.records import Dialect, Record, split_records

_OTHER_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def open_header(reading: Reading, dialect: Dialect, blocks: Iterator[Block]) -> tuple[list[str], Iterator[Block]]:
    """(names, the blocks after the header)."""
    if not reading.source.header:
        return list(reading.source.columns), blocks
    for block in blocks:
        if block.overlong:
            raise reading.refuse(
                "the first line is longer than source.max_row_bytes",
                row=0,
                expected="a header",
                next_step="check source.format",
            )
        data = block.data.lstrip(b"\r\n")
        if not data:
            continue
        line = data.splitlines(keepends=True)[0]
        rest = Block(data[len(line) :], block.offset + len(block.data) - len(data) + len(line), is_last=block.is_last)
        return _names(reading, dialect, line), itertools.chain([rest], blocks)
    raise reading.refuse(
        "no rows: the file is empty", expected="a header and records", next_step="deliver the file again"
    )


def _names(reading: Reading, dialect: Dialect, line: bytes) -> list[str]:
    records: list[Record] = []
    split_records(reading, dialect, line, 0, 0, True, records)
    fault = records[0].fault
    if fault is not None:
        raise reading.refuse(
            f"the header cannot be read: {fault}", row=0, next_step="check source.encoding and source.quoting"
        )
    names: list[str] = records[0].fields
    if reading.source.strip:
        names = [name.strip(" \t") for name in names]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise reading.refuse(
            f"the header names {', '.join(map(repr, twice))} twice",
            row=0,
            expected="unique column names",
            next_step="rename one of them",
        )
    if reading.source.columns and reading.source.columns != names:
        raise reading.refuse(
            f"the header is {', '.join(names[:20])}", row=0,
            expected=f"source.columns = {', '.join(reading.source.columns)}",
            next_step="remove source.columns, or set header = false if the first line is a record",
        )  # fmt: skip
    if not set(names) & set(reading.sequence_columns):
        _refuse_json(reading, names[0])
        if len(names) == 1:
            _refuse_one_column(reading, dialect, names[0])
    return names


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
