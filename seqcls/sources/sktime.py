"""ts: the text format of sktime and aeon (https://www.aeon-toolkit.org/en/stable/api_reference/file_specifications/ts.html).

`@` tags, `@data`, then one series per line: channels separated by `:`, values by `,`, the class last; `?` is missing.
Series may have any length; the channels of one row have the same length. Time stamps are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import read_lines
from seqcls.sources.numbers import join_channels, parse_cells
from seqcls.sources.reading import Reading, Records, Reject, add_problem
from seqcls.table import SourceBatch


@dataclass
class _Tags:
    """What the header of the file says."""

    has_data: bool = False
    labelled: bool = False
    classes: frozenset[str] = frozenset()
    """Those that the head names; empty where it names none."""
    channels: int | None = None


# found, expected, next step for tags that say that the rows have another layout
_UNREADABLE = {
    ("@timestamps", "true"): ("time stamps are not supported", "@timeStamps false", "write the values only"),
    ("@targetlabel", "true"): ("a regression target", "@classLabel", "a class label; regression is not supported"),
}


def read_ts(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a .ts file; rows are counted after `@data`."""
    tags, row = _Tags(), 1
    for lines in read_lines(reading):
        if lines.rejects and not tags.has_data:
            raise reading.refuse(
                f"the header cannot be read: {lines.rejects[0]['reasons']}", next_step="check source.encoding"
            )
        texts, rejects = [], []
        damaged = {int(str(reject["source_row"])): reject for reject in lines.rejects}
        numbers = sorted([*lines.rows, *damaged])
        by_line = dict(zip(lines.rows, lines.texts, strict=True))
        for number in numbers:
            text = by_line.get(number, "").strip()
            if number in damaged and tags.has_data:
                rejects.append(damaged[number] | {"source_row": row})
                row += 1
            elif not text or text.startswith("#"):
                continue
            elif not tags.has_data:
                _read_tag(reading, text, number, tags)
            else:
                texts.append((row, text))
                row += 1
        yield assemble(reading, split_series(reading, texts, rejects, tags))
    if not tags.has_data:
        raise reading.refuse(
            "no @data line", expected="@ tags, then @data, then one series per line", next_step="check source.format"
        )


def _read_tag(reading: Reading, text: str, line: int, tags: _Tags) -> None:
    """One line of the header; tags that say nothing about the rows (@problemName, @missing, ...) are skipped."""
    words = text.split()
    tag, value = words[0].lower(), words[1].lower() if len(words) > 1 else ""
    if not tag.startswith("@"):
        raise reading.refuse(
            "a series before @data", row=line, expected="a line beginning with @ or #", next_step="check source.format"
        )
    if (tag, value) in _UNREADABLE:
        found, expected, next_step = _UNREADABLE[tag, value]
        raise reading.refuse(found, row=line, expected=expected, next_step=next_step)
    if tag == "@classlabel":
        tags.labelled, tags.classes = value == "true", frozenset(words[2:])
    elif tag == "@univariate" and value == "true":
        tags.channels = 1
    elif tag in ("@dimensions", "@dimension"):
        if not (value.isascii() and value.isdigit() and 0 < int(value) < 100_000):
            raise reading.refuse(
                f"{text[:60]!r}", row=line, expected="@dimensions and a number", next_step="fix this line"
            )
        tags.channels = int(value)
    elif tag == "@data":
        tags.has_data = True
    if tag in ("@classlabel", "@data") and reading.labelled and not tags.labelled:
        raise reading.refuse(
            "@classLabel false" if tag == "@classlabel" else "no @classLabel line",
            row=line,
            expected="@classLabel true and the classes, since this file is to train on",
            next_step="name a labelled file",
        )


def split_series(reading: Reading, numbered: list[tuple[int, str]], rejects: list[Reject], tags: _Tags) -> Records:
    """Lines -> one column of cells per channel."""
    parts = [text.split(":") for _, text in numbered]
    if tags.channels is None and parts:
        tags.channels = len(parts[0]) - tags.labelled
    width = tags.channels or 1
    rows: list[int] = []
    cells: list[list[str]] = []
    labels: list[str | None] = []
    raws: list[str] = []
    for (row, text), fields in zip(numbered, parts, strict=True):
        if len(fields) != width + tags.labelled:
            wanted = f"{width} channels" + (" and a class" if tags.labelled else "")
            rejects.append(
                reading.reject(row, "", "channels", f"expected {wanted}, got {len(fields)} parts between colons", text)
            )
            continue
        label = known(fields[width].strip()) if tags.labelled else None
        if reason := foreign_class(label, tags.classes):
            rejects.append(reading.reject(row, "", "fields", reason, text))
            continue
        rows.append(row)
        cells.append(fields[:width])
        labels.append(label)
        raws.append(text)
    return channel_records(rows, cells, labels, raws, rejects, width)


def known(text: str) -> str | None:
    """`?` is missing, in ts and in arff."""
    return None if text == "?" else text


def foreign_class(label: str | None, classes: frozenset[str]) -> str:
    """Why a class is not one that the head of the file names; empty where it is, or the head names none."""
    if label is None or not classes or label in classes:
        return ""
    return f"class {label!r} is not among those of the head: {', '.join(sorted(classes)[:20])}"


def channel_records(
    rows: list[int],
    cells: list[list[str]],
    labels: list[str | None],
    raws: list[str],
    rejects: list[Reject],
    width: int,
) -> Records:
    """Rows of cells, one per channel with comma-separated values -> records with a finished sequence."""
    records = Records(
        pa.array(rows, pa.int64()), [], {"label": pa.array(labels, pa.string())}, rejects, raw=raws.__getitem__
    )
    names = [f"channel {number}" for number in range(1, width + 1)]
    channels = []
    for at, name in enumerate(names):
        values, faults = parse_cells(pa.array([row[at] for row in cells], pa.string()))
        channels.append(values)
        for index, reason in faults.items():
            add_problem(records.problems, index, name, "number", reason)
    series, unequal = join_channels(channels, names)
    for index, reason in unequal.items():
        add_problem(records.problems, index, "sequence", "channels", reason)
    records.sequence = [series]
    return records
