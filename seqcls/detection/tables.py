"""Delimited tables: the delimiter, whether there is a header, and the columns."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass

from seqcls.detection.columns import NUMBER, Column, describe, is_comma_list
from seqcls.detection.found import Found
from seqcls.detection.heads import Head
from seqcls.detection.roles import LABEL, SEQUENCE, give_roles
from seqcls.detection.wide import as_long

MOST_ROWS = 3000
MOST_FIELDS = 10_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_TITLE = re.compile(r"^[\w .:()/%°-]{0,60}$")


@dataclass(frozen=True)
class Table:
    """Records of the same number of fields."""

    delimiter: str
    records: list[list[str]]
    consistent: float
    """Share of the records with the commonest number of fields."""

    @property
    def width(self) -> int:
        return Counter(map(len, self.records)).most_common(1)[0][0]

    @property
    def keeps_commas(self) -> bool:
        """Another sign than the comma, and the commas that stand in the cells are decimal signs."""
        rows = [row for row in self.records[1:50] if len(row) == self.width]
        clean = [["," not in x or bool(NUMBER.match(x) or is_comma_list(x)) for x in row] for row in rows]
        return self.delimiter not in ", " and bool(rows) and all(
            sum(column) > 0.8 * len(rows) for column in zip(*clean, strict=True)
        ) and any("," in x for row in rows for x in row)  # fmt: skip

    @property
    def is_recording(self) -> bool:
        """A header over nothing but numbers: one channel a column, one time step a record."""
        rows = [row for row in self.records if len(row) == self.width]
        if not self._has_header(rows):
            return False
        return all(NUMBER.match(x) or x.strip().lower() in ("", "nan", "na") for row in rows[1:200] for x in row)

    def into(self, found: Found, heads: list[Head]) -> None:
        """Set the format and all roles."""
        rows = [record for record in self.records if len(record) == self.width]
        if self._is_ucr(rows):
            return self._ucr(found)
        name = "tsv" if self.delimiter == "\t" else "csv"
        found.set("format", name, f"{self.consistent:.0%} of the records have {self.width} fields, by "
                  f"{DELIMITERS[self.delimiter]}")  # fmt: skip
        if self.delimiter not in ",\t":
            found.set("delimiter", self.delimiter, f"{self.width} fields a record")
        if name == "tsv" and self._is_quoted(heads[0]):
            found.set("quoting", True, "fields stand in quotes")
        titles = rows[0]
        if self._has_header(rows):
            rows = rows[1:]
        else:
            titles = [str(position) for position in range(self.width)]
            found.set("header", False, f"the first record looks like the others: {', '.join(rows[0])[:60]}; "
                      "columns are named by their positions")  # fmt: skip
        if any(title != title.strip(" \t") for title in titles):
            titles = [title.strip(" \t") for title in titles]
            found.set("strip", True, "blanks stand around the titles")
        rows += _rows_of_others(self, heads[1:])
        columns = [Column(title, [row[at] for row in rows]) for at, title in enumerate(titles)]
        if not (as_long(found, columns)):
            give_roles(found, columns)

    def _is_ucr(self, rows: list[list[str]]) -> bool:
        """Numbers only, from the first record on; the first of each is the class."""
        first = Counter(row[0] for row in self.records)
        numbers = all(NUMBER.match(x) or x.strip().lower() in ("", "nan", "?") for row in rows[:50] for x in row[1:])
        if first[rows[0][0]] == 1 and len(first) > 2:  # a title over the classes
            return False
        few = 2 <= len(first) <= max(2, min(100, len(self.records) // 2))
        return numbers and few and self.width > 4

    def _ucr(self, found: Found) -> None:
        found.kind = "series"
        counts = Counter(row[0] for row in self.records)
        found.set("format", "ucr", f"numbers only, no header; the first of a line is the class: {describe(counts)}")
        if self.delimiter != "\t":
            found.set("delimiter", self.delimiter, f"{self.width} fields a line")
        if any("," in value for record in self.records[:20] for value in record[1:]):
            found.set("decimal", ",", "numbers such as -0,31")

    def _is_quoted(self, head: Head) -> bool:
        return sum('\t"' in line or line.startswith('"') for line in head.lines[:200]) > 0.2 * len(head.lines[:200])

    def _has_header(self, rows: list[list[str]]) -> bool:
        """Titles are short, differ, and stand where the column has no such value again."""
        titles, rest = rows[0], rows[1:]
        if not rest or any(LABEL.match(title) or SEQUENCE.match(title) for title in titles):
            return True
        below = [{row[at] for row in rest} for at in range(self.width)]
        numeric = [all(NUMBER.match(value) or not value for value in values) for values in below]
        over_numbers = [
            t for t, is_number in zip(titles, numeric, strict=True) if is_number and t and not NUMBER.match(t)
        ]
        if over_numbers and not any(title.lower() in ("nan", "?", "na") for title in over_numbers):
            return True
        if any(NUMBER.match(title) for title in titles) and not all(NUMBER.match(t) or t.isidentifier() or not t
                                                                    for t in titles):  # fmt: skip
            return False
        if all(NUMBER.match(title) for title in titles) or not all(_TITLE.match(title) for title in titles):
            return False
        if any(title in values for title, values in zip(titles, below, strict=True) if title):
            return False
        return len({title for title in titles if title}) == len([title for title in titles if title])


def _rows_of_others(first: Table, heads: list[Head]) -> list[list[str]]:
    """Records of further files of the same titles: each part of a table may hold one class only."""
    rows: list[list[str]] = []
    for head in heads:
        other = _try(head, first.delimiter)
        if other is not None and other.width == first.width:
            same = other.records[0] == first.records[0]
            rows += [record for record in other.records[same:] if len(record) == first.width]
    return rows


def find_table(head: Head) -> Table | None:
    """The delimiter that divides (almost) all records into the same number of fields."""
    csv.field_size_limit(MOST_FIELDS)
    tables = [table for delimiter in [*DELIMITERS, " "] if (table := _try(head, delimiter)) is not None]
    return max(tables, key=lambda table: (round(table.consistent, 1), table.keeps_commas, table.width), default=None)


def _try(head: Head, delimiter: str) -> Table | None:
    lines = head.text.splitlines(keepends=True)
    if delimiter == " ":
        lines = [" ".join(line.split()) for line in lines if line.strip()]
    try:
        quoting = csv.QUOTE_NONE if delimiter in "\t " and '\t"' not in head.text else csv.QUOTE_MINIMAL
        reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
        records = [record for _, record in zip(range(MOST_ROWS), reader, strict=False) if record]
    except csv.Error:
        return None
    if not head.whole:
        records = records[:-1]
    if not records:
        return None
    widths = Counter(map(len, records))
    width, count = widths.most_common(1)[0]
    unequal = delimiter in "\t ," and min(widths) > 4 and all(NUMBER.match(r[-1]) or not r[-1] for r in records[:20])
    table = Table(delimiter, records, 1.0 if unequal and len(widths) > 1 else count / len(records))
    if width < 2 or table.consistent < 0.75:
        return None
    if delimiter == " " and not table._is_ucr([record for record in records if len(record) == width]):
        return None
    even = table.consistent > 0.9 or len(records[0]) == width  # commas of prose divide lines alike by chance only
    return table if even else None
