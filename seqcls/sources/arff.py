"""arff: Weka's format as the UCR and UEA archives use it (https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/).

Univariate: numeric attributes and a class. Multivariate: one relational attribute, the channels separated by a literal
`\\n` within quotes, and a class. `?` is missing; missing values at the end of a univariate series are padding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Lines, read_lines
from seqcls.sources.numbers import FLOATS, SERIES, trim_right
from seqcls.sources.reading import Reading, Records, Reject
from seqcls.sources.sktime import channel_records
from seqcls.table import SourceBatch

_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)


@dataclass
class _Head:
    """What was read before @data."""

    has_data: bool = False
    is_relational: bool = False
    in_relation: bool = False
    names: list[str] = field(default_factory=list)
    channels: int | None = None
    row: int = 1


def read_arff(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of an ARFF file; rows are counted after `@data`."""
    head = _Head()
    for lines in read_lines(reading):
        yield assemble(reading, _records(reading, lines, head))
    if not head.has_data:
        raise reading.refuse("no @data line", expected="@attribute lines, then @data", next_step="check source.format")


def _records(reading: Reading, lines: Lines, head: _Head) -> Records:
    """Header lines are read into `head`; the others become records, or rejects with their row number."""
    found: list[tuple[int, list[str], str | None, str]] = []  # row, cells, class, the line
    rejects: list[Reject] = []
    damaged = {int(str(reject["source_row"])): reject for reject in lines.rejects}
    if damaged and not head.has_data:
        raise reading.refuse(
            "the header cannot be read",
            expected=f"text in {reading.source.encoding}",
            next_step="check source.encoding",
        )
    texts = dict(zip(lines.rows, lines.texts, strict=True))
    for number in sorted([*texts, *damaged]):
        text = texts.get(number, "").strip()
        if number not in damaged and (not text or text.startswith("%")):
            continue
        if number not in damaged and not head.has_data:
            _read_head(reading, text, number, head)
            continue
        row = None if number in damaged else _split_row(text, head)
        if row is None:
            rejects.append(damaged[number] | {"source_row": head.row})
        elif isinstance(row, str):
            rejects.append(reading.reject(head.row, "", "fields", row, text))
        else:
            found.append((head.row, *row, text))
        head.row += 1
    records = channel_records(
        [row for row, _, _, _ in found],
        [cells for _, cells, _, _ in found],
        [label for _, _, label, _ in found],
        [text for _, _, _, text in found],
        rejects,
        head.channels or 1,
    )
    return records if head.is_relational else _trimmed(records)


def _trimmed(records: Records) -> Records:
    """Univariate ARFF pads short series with missing values at the end."""
    lists = trim_right(records.sequence[0].flatten().cast(FLOATS))
    if len(lists) == len(records.rows):
        offsets = pa.array(range(len(lists) + 1), pa.int32())
        records.sequence = [pa.ListArray.from_arrays(offsets, lists).cast(SERIES)]
    return records


def _read_head(reading: Reading, text: str, line: int, head: _Head) -> None:
    tag = text.split()[0].lower()
    if tag == "@data":
        head.has_data = True
        if len(head.names) < 2:
            raise reading.refuse(
                f"{len(head.names)} attributes",
                row=line,
                expected="values and a class",
                next_step="check the header of the file",
            )
    elif tag == "@end":
        head.in_relation = False
    elif tag == "@attribute":
        match = _ATTRIBUTE.match(text)
        if match is None:
            raise reading.refuse(f"{text[:60]!r}", row=line, expected="@attribute NAME TYPE", next_step="fix this line")
        if head.in_relation:
            return
        if match[2].strip().lower().startswith("relational"):
            head.is_relational = head.in_relation = True
        head.names.append(match[1].strip("'\""))
    elif tag != "@relation":
        raise reading.refuse(
            f"{text[:60]!r} before @data",
            row=line,
            expected="@relation, @attribute or @data",
            next_step="check source.format",
        )


def _split_row(text: str, head: _Head) -> tuple[list[str], str | None] | str:
    """(one cell per channel, class), or what is wrong."""
    if head.is_relational:
        return _split_relation(text, head)
    values = text.split(",")
    if len(values) != len(head.names):
        return f"expected {len(head.names)} fields, got {len(values)}"
    return [",".join(values[:-1])], _class(values[-1])


def _split_relation(text: str, head: _Head) -> tuple[list[str], str | None] | str:
    quote = text[0]
    end = text.find(quote, 1)
    if quote not in "'\"" or end < 0:
        return "expected the series in quotes, then the class"
    channels = text[1:end].split("\\n")
    head.channels = head.channels or len(channels)
    if len(channels) != head.channels:
        return f"expected {head.channels} channels, got {len(channels)}"
    if not text[end + 1 :].lstrip().startswith(","):
        return "expected a comma and the class after the series"
    return channels, _class(text[end + 1 :].lstrip()[1:])


def _class(text: str) -> str | None:
    text = text.strip().strip("'\"")
    return None if text == "?" else text
