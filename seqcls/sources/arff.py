"""arff: Weka's format as the UCR and UEA archives use it (https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/).

Univariate: numeric attributes and a class. Multivariate: one relational attribute, the channels separated by a literal
`\\n` within quotes, and a class. `?` is missing; missing values at the end of a univariate series are padding. Sparse
rows and weights are refused by their name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from seqcls.sources.arff_head import Head, fields_of, unquoted
from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Lines, read_lines
from seqcls.sources.numbers import FLOATS, SERIES, trim_right
from seqcls.sources.reading import Reading, Records, Reject
from seqcls.sources.sktime import channel_records, foreign_class, known
from seqcls.table import SourceBatch


class _Row(NamedTuple):
    number: int
    cells: list[str]
    """One a channel."""
    label: str | None
    id: str | None
    text: str


def read_arff(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of an ARFF file; rows are counted after `@data`."""
    head = Head()
    for lines in read_lines(reading):
        yield assemble(reading, _records(reading, lines, head))
    if not head.has_data:
        raise reading.refuse("no @data line", expected="@attribute lines, then @data", next_step="check source.format")


def _records(reading: Reading, lines: Lines, head: Head) -> Records:
    """Lines of the head are read into `head`; the others become records, or rejects with the number of their row."""
    found: list[_Row] = []
    rejects: list[Reject] = []
    damaged = {int(str(reject["source_row"])): reject for reject in lines.rejects}
    if damaged and not head.has_data:
        raise reading.refuse(
            "the head cannot be read", expected=f"text in {reading.source.encoding}", next_step="check source.encoding"
        )
    texts = dict(zip(lines.rows, lines.texts, strict=True))
    for number in sorted([*texts, *damaged]):
        text = texts.get(number, "").strip()
        if number in damaged:
            rejects.append(damaged[number] | {"source_row": head.row})
        elif not text or text.startswith("%"):
            continue
        elif not head.has_data:
            head.read(reading, text, number)
            continue
        else:
            row = _row(reading, text, head)
            if isinstance(row, str):
                rejects.append(reading.reject(head.row, "", "fields", row, text))
            else:
                found.append(row)
        head.row += 1
    records = channel_records(
        [row.number for row in found], [row.cells for row in found], [row.label for row in found],
        [row.text for row in found], rejects, head.channels or 1,
    )  # fmt: skip
    if head.id is not None:
        records.columns["id"] = pa.array([row.id for row in found], pa.string())
    return records if head.is_relational else _trimmed(records)


def _row(reading: Reading, text: str, head: Head) -> _Row | str:
    """A row, or what is wrong with it."""
    fields = fields_of(text)
    if text.startswith("{"):
        raise _unread(reading, head, "a sparse row", "rows with every value (Weka: SparseToNonSparse)")
    if len(fields) == len(head.attributes) + 1 and fields[-1].startswith("{") and fields[-1].endswith("}"):
        raise _unread(reading, head, f"a row with a weight, {fields[-1]}", "rows without weights")
    if len(fields) != len(head.attributes):
        return f"expected {len(head.attributes)} fields, got {len(fields)}"
    label = known(unquoted(fields[head.label]))
    name = None if head.id is None else known(unquoted(fields[head.id]))
    if reason := foreign_class(label, head.classes):
        return reason
    if not head.is_relational:
        return _Row(head.row, [",".join(fields[place] for place in head.values)], label, name, text)
    cell = fields[head.values[0]]
    channels = (cell[1:-1] if cell[:1] in ("'", '"') else cell).split("\\n")
    head.channels = head.channels or len(channels)
    if len(channels) != head.channels:
        return f"expected {head.channels} channels, got {len(channels)}"
    return _Row(head.row, channels, label, name, text)


def _unread(reading: Reading, head: Head, found: str, expected: str) -> Exception:
    return reading.refuse(
        f"{found}, which is not read", row=head.row, expected=expected, next_step="write the file again in this form"
    )


def _trimmed(records: Records) -> Records:
    """Flat ARFF pads short series with missing values at the right."""
    lists = trim_right(records.sequence[0].flatten().cast(FLOATS))
    if len(lists) == len(records.rows):
        offsets = pa.array(range(len(lists) + 1), pa.int32())
        records.sequence = [pa.ListArray.from_arrays(offsets, lists).cast(SERIES)]
    return records
