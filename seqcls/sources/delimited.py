"""csv and tsv: records of fields, as RFC 4180 defines them.

In: a file with one record per line (or more lines, where a quoted field holds line breaks). Out: `Fields`, columns of
text. Promise: two parsers give the same rows. Blocks with regular quotes and without blank or overlong records go
through Arrow's parser, and count as read only if Arrow finds as many records as we do; all others are read record by
record. A record that cannot be read is rejected alone: a quote that opens but never closes properly costs its own
line, not those after it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from seqcls.errors import DataRefused
from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Block, line_ends, show, text_blocks, too_long
from seqcls.sources.header import open_header
from seqcls.sources.quoting import record_ends
from seqcls.sources.reading import Reading, Records, Reject, Role, pick_columns, row_numbers
from seqcls.sources.records import Dialect, Record, split_records
from seqcls.sources.stream import open_source
from seqcls.table import SourceBatch

_BLANKS = " \t"
_RUN, _LINE_BLANKS = re.compile(rb"[ \t]+"), re.compile(rb"(?m)^ | (\r?$)")


@dataclass(frozen=True)
class Fields:
    """Columns of text of one block; `raw` gives a record as it is in the file."""

    rows: pa.Int64Array
    columns: dict[str, pa.Array]
    rejects: list[Reject]
    raw: Callable[[int], str]


def read_delimited(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a csv or tsv file."""
    wanted: dict[Role, str] = {}

    def choose(found: list[str]) -> list[str]:
        wanted.update(pick_columns(reading, found))
        return list(dict.fromkeys([*reading.sequence_columns, *wanted.values()]))

    for fields in read_fields(reading, choose):
        records = Records(
            fields.rows,
            [fields.columns[name] for name in reading.sequence_columns],
            rejects=fields.rejects,
            raw=fields.raw,
        )
        records.columns = {role: fields.columns[name] for role, name in wanted.items()}
        yield assemble(reading, records)


def read_fields(reading: Reading, choose: Callable[[list[str]], list[str]]) -> Iterator[Fields]:
    """The columns that `choose` picks from those found, block by block."""
    dialect = Dialect.of(reading.source)
    # Closed explicitly: an exception would keep the blocks, and the thread that prefetches them, alive.
    with open_source(reading) as stream, closing(text_blocks(reading, stream, old_breaks=True)) as all_blocks:
        is_padded = dialect.delimiter == " " and reading.source.format in ("wide", "recording")
        plain = map(_one_blank, all_blocks) if is_padded else all_blocks
        found, blocks = open_header(reading, dialect, plain)
        wanted = choose(found)
        names = _distinct(reading, found, wanted)
        parser = _Parser(reading, replace(dialect, skip_blank=len(names) > 1), names, wanted)
        for block in blocks:
            if fields := parser.parse(block):
                yield fields


def _one_blank(block: Block) -> Block:
    """A run of blanks separates two numbers as one blank does, and those at the ends of a line separate nothing."""
    return replace(block, data=_LINE_BLANKS.sub(rb"\1", _RUN.sub(b" ", block.data)))


def _distinct(reading: Reading, found: list[str], wanted: list[str]) -> list[str]:
    """The names, with others for the repeated or blank ones that nobody asks for."""
    twice = [name for name in wanted if found.count(name) > 1]
    if twice:
        raise reading.refuse(
            f"the header names {', '.join(map(repr, twice))} twice",
            row=0,
            expected="one column of each name that the config asks for",
            next_step="rename one of them",
        )
    times = Counter(found)
    return [name if times[name] == 1 else f"{name}\0{at}" for at, name in enumerate(found)]


class _Parser:
    """Blocks -> fields; an open quoted record continues in the next block."""

    def __init__(self, reading: Reading, dialect: Dialect, names: list[str], wanted: list[str]) -> None:
        self.reading, self.dialect, self.names, self.wanted = reading, dialect, names, wanted
        self.row = 1
        self.carry = b""
        self.is_first = True

    def parse(self, block: Block) -> Fields | None:
        if block.overlong:
            return self._overlong(block)
        data, offset = self.carry + block.data, block.offset - len(self.carry)
        self.carry = b""
        fields = self._through_arrow(data) or self._one_by_one(data, offset, block.is_last)
        count = len(fields.rows) + len(fields.rejects)
        self.row += count
        self.is_first = self.is_first and count == 0
        return fields if count else None

    def _overlong(self, block: Block) -> Fields:
        if self.carry:
            raise self.dialect.unclosed(self.reading, self.row, "a quoted field longer than source.max_row_bytes")
        rejects = [too_long(self.reading, self.row, None, block.data)]
        self.row += 1
        self.is_first = False
        nothing = pa.array([], pa.string())
        return Fields(row_numbers(1, 0), dict.fromkeys(self.wanted, nothing), rejects, str)

    def _through_arrow(self, data: bytes) -> Fields | None:
        """The fast path, or None where it does not apply."""
        dialect = self.dialect
        is_quoted = dialect.quoting and dialect.quote in data
        if not data or not dialect.delimiter.isascii() or (dialect.escape and dialect.escape in data):
            return None
        if b"\r" in data:
            if data.count(b"\r") != data.count(b"\r\n"):  # Arrow would end a record at a CR
                return None
            data = data if is_quoted else data.replace(b"\r\n", b"\n")
        ends = self._ends(data, is_quoted)
        if ends is None or (self.dialect.skip_blank and _has_blank(data, ends)):
            return None
        try:
            table = pacsv.read_csv(pa.BufferReader(data), *self._arrow_options(len(data), is_quoted))
        except pa.ArrowInvalid:  # some record has too many fields, or is not UTF-8: the exact path says which
            return None
        if table.num_rows != len(ends):
            return None
        columns = {name: self._trim(table.column(name).combine_chunks()) for name in self.wanted}

        def raw(index: int) -> str:
            start = int(ends[index - 1]) + 1 if index else 0
            return show(data[start : int(ends[index])].removesuffix(b"\r"))

        return Fields(row_numbers(self.row, len(ends)), columns, [], raw)

    def _ends(self, data: bytes, is_quoted: bool) -> npt.NDArray[np.int64] | None:
        limit = self.reading.source.max_row_bytes
        if is_quoted:
            return record_ends(data, ord(self.dialect.delimiter), self.dialect.most_lines, limit, self.dialect.quote[0])
        ends = line_ends(data)
        return ends if int(np.diff(ends, prepend=-1).max()) - 1 <= limit else None

    def _arrow_options(
        self, size: int, is_quoted: bool
    ) -> tuple[pacsv.ReadOptions, pacsv.ParseOptions, pacsv.ConvertOptions]:
        return (
            pacsv.ReadOptions(column_names=self.names, block_size=size + 1, use_threads=False),
            pacsv.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char=self.dialect.quote.decode() if is_quoted else False,
                double_quote=is_quoted,
                newlines_in_values=is_quoted,
                ignore_empty_lines=False,
            ),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()),
                strings_can_be_null=False,
                include_columns=self.wanted,
            ),
        )

    def _one_by_one(self, data: bytes, offset: int, is_last: bool) -> Fields:
        """The exact path: for irregular quotes, and to say what is wrong with a record."""
        records: list[Record] = []
        self.carry = split_records(self.reading, self.dialect, data, offset, self.row, is_last, records)
        width = len(self.names)
        if self.is_first:
            _refuse_if_all_differ(self.reading, records, self.names)
        if is_last and records and not data.endswith(b"\n"):
            _refuse_if_cut(self.reading, records[-1], width)
        good = [record for record in records if record.fault is None and len(record.fields) == width]
        rejects = [
            _reject(self.reading, record, width)
            for record in records
            if record.fault is not None or len(record.fields) != width
        ]
        columns = {}
        for name in self.wanted:
            at = self.names.index(name)
            columns[name] = self._trim(pa.array([record.fields[at] for record in good], pa.string()))
        rows = pa.array([record.row for record in good], pa.int64())
        return Fields(rows, columns, rejects, lambda index: show(good[index].raw))

    def _trim(self, column: pa.Array) -> pa.Array:
        return pc.utf8_trim(column, _BLANKS) if self.reading.source.strip and _has_edges(column) else column


def _has_edges(column: pa.StringArray) -> bool:
    """Whether any cell begins or ends with a blank: most columns have none, and trimming would copy all cells."""
    _, offsets, values = column.buffers()
    if not len(column) or not values:
        return False
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    filled = ends[1:] > ends[:-1]
    letters = np.frombuffer(values, np.uint8)
    edges = np.concatenate([letters[ends[:-1][filled]], letters[ends[1:][filled] - 1]])
    return bool(np.isin(edges, np.frombuffer(_BLANKS.encode(), np.uint8)).any())


def _has_blank(data: bytes, ends: npt.NDArray[np.int64]) -> bool:
    """Arrow would read a blank line as a record of empty fields."""
    sizes = np.diff(ends, prepend=-1) - 1
    return bool((sizes == 0).any()) or any(data[end - 1 : end] == b"\r" for end in ends[sizes == 1].tolist())


def _reject(reading: Reading, record: Record, width: int) -> Reject:
    if record.fault is not None:
        return reading.reject(record.row, "", record.rule, record.fault, show(record.raw))
    return reading.reject(
        record.row, "", "fields", f"expected {width} fields, got {len(record.fields)}", show(record.raw)
    )


def _refuse_if_cut(reading: Reading, last: Record, width: int) -> None:
    if last.fault is None and len(last.fields) < width:
        raise reading.ends_inside(last.row, f"{len(last.fields)} of {width} fields, and no line break at the end")


def _refuse_if_all_differ(reading: Reading, records: list[Record], names: list[str]) -> None:
    """One odd record is a fault of the record; if all are alike, the file or the config is wrong."""
    widths = {len(record.fields) for record in records if record.fault is None}
    if len(records) < 2 or len(widths) != 1 or widths == {len(names)}:
        return
    width = widths.pop()
    raise _all_differ(reading, records, names, width)


def _all_differ(reading: Reading, records: list[Record], names: list[str], width: int) -> DataRefused:
    ends_blank = width == len(names) + 1 and all(record.fields[-1] == "" for record in records if record.fault is None)
    if ends_blank:
        return reading.refuse(
            f"every record ends in a delimiter: {width} fields", row=1,
            expected=f"{len(names)} fields ({', '.join(names[:10])})",
            next_step="remove the delimiter at the end of the lines, or add one to the header",
        )  # fmt: skip
    return reading.refuse(
        f"every record has {width} field{'s' * (width != 1)}", row=1,
        expected=f"{len(names)} ({', '.join(names[:10])})",
        next_step="check source.delimiter, source.quoting, and the header or source.columns",
    )  # fmt: skip
