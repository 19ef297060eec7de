"""What the readers of all formats share: the file being read, and the records found in it.

In: `InputFile` + `SourceConfig`. Out: `Records`, the columns by role as read from the file, before they become a table
(`assemble.py`). Promise: each record of a file is in `Records.rows` or in `Records.rejects`.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, get_args
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused, listed
from seqcls.sources.layout import FirstLayout
from seqcls.sources.numbers import Notation
from seqcls.table import InputFile, Kind, reject

Role = Literal["label", "id", "time", "group", "split"]
ROLES: tuple[Role, ...] = get_args(Role)
LabelPlace = Literal["column", "file", "folder", "header", "pattern", "labels", "table", "none"]
Reject = dict[str, object]
Problem = tuple[str, str, str]  # column, rule, reason
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
Problems = dict[int, list[Problem]]  # by position in a batch


class ClassesApart(Protocol):
    """Classes that stand in another file."""

    def of(self, rows: pa.Int64Array, ids: pa.Array | None, file: InputFile) -> tuple[pa.Array, dict[int, str]]:
        """The class of each row, null where there is none, and why not."""


@dataclass(frozen=True)
class Reading:
    """One file, its format, and what to read from it."""

    file: InputFile
    source: SourceConfig
    kind: Kind
    labelled: bool
    folder: Path
    layout: FirstLayout = field(default_factory=FirstLayout)
    """What the files read before, or the model, call columns and channels."""
    names_only: bool = False
    """Whether rows are read without their sequences: those of a table of classes."""
    apart: ClassesApart | None = None
    """The classes of training rows that stand in another file."""

    def reject(self, row: int, column: str, rule: str, reason: str, raw: str | None = None) -> Reject:
        return reject(self.file.name, row, column, rule, reason, raw)

    def refuse(
        self, found: str, *, row: int | None = None, column: str = "", expected: str = "", next_step: str = ""
    ) -> DataRefused:
        """The error for a file that cannot be used at all."""
        where = self.file.name + (f":{row}" if row is not None else "") + (f":{column}" if column else "")
        return DataRefused(found, where=where, expected=expected, next_step=next_step)

    def ends_inside(self, row: int, found: str) -> DataRefused:
        """The last record is incomplete and has no line break: nobody knows how many are missing after it."""
        return self.refuse(
            f"the file ends within record {row}: {found}", row=row, expected="a complete record and a line break",
            next_step="the file was cut off: fetch the file again; if it is complete, correct or end its last line",
        )  # fmt: skip

    @property
    def notation(self) -> Notation:
        """How numbers are written, where they are text."""
        return Notation(self.source.decimal, tuple(self.source.missing))

    @property
    def sequence_columns(self) -> list[str]:
        """One column, one per channel, or several texts to be joined."""
        source = self.source
        if self.names_only:
            return []
        if self.kind == "series" and source.channels:
            return source.channels
        return [source.sequence] if isinstance(source.sequence, str) else source.sequence

    @property
    def label_place(self) -> LabelPlace:
        """Where the class comes from, for formats without columns; `none` if nothing defines it."""
        source = self.source
        if source.label_from is not None:
            return source.label_from
        if source.label_table:
            return "table"
        if source.label_files:
            return "labels"
        if source.label_pattern:
            return "header"
        if source.pattern and "?P<label>" in source.pattern:
            return "pattern"
        return "file" if source.labels else "none"

    def column_label(self) -> str | None:
        """Name of the label column, for formats that have one."""
        return self.source.label if self.label_place in ("column", "none") else None

    @cached_property
    def folder_values(self) -> dict[str, str | None]:
        """`key=value` folders above the file, as Spark and Hive write them: key -> value."""
        pairs = [part.split("=", 1) for part in self.file.path.parent.parts if "=" in part]
        values = {key: unquote(value) for key, value in pairs if key}
        return {key: None if value == _NO_VALUE else value for key, value in values.items()}

    def file_label(self) -> str | None:
        """The class of the whole file, from its name or folder."""
        if self.label_place == "folder":
            return self.folder_label()
        name = self.file.path.name
        for pattern, label in self.source.labels.items():
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(self.file.name, pattern):
                return label
        if self.labelled:
            raise self.refuse(
                "no class for this file",
                expected=f"a name that matches one of {', '.join(self.source.labels) or '(labels is empty)'}",
                next_step='add it to source.labels, such as labels = { "*.pos" = "positive" }',
            )
        return None

    def folder_label(self) -> str | None:
        """The class that a folder stands for; a folder of new data is an inbox, not a class."""
        name = self.file.path.parent.name
        key, sign, _ = name.partition("=")
        return None if not self.labelled else self.folder_values[key] if key and sign else name


@dataclass
class Records:
    """Records of one batch. `sequence`: one array, or one per channel; text, lists, or already the table's type."""

    rows: pa.Int64Array
    sequence: list[pa.Array]
    columns: dict[Role, pa.Array] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    problems: Problems = field(default_factory=dict)
    raw: Callable[[int], str] | None = None


def add_problem(problems: Problems, index: int, column: str, rule: str, reason: str) -> None:
    problems.setdefault(index, []).append((column, rule, reason))


def pick_columns(reading: Reading, found: list[str]) -> dict[Role, str]:
    """`role_columns`, after checking that the sequence columns exist and that no unknown column does."""
    asked = {*reading.sequence_columns, *_named_roles(reading, found).values()}
    twice = [name for name, count in Counter(found).items() if count > 1 and name in asked]
    if twice:
        raise reading.refuse(
            f"{', '.join(map(repr, twice[:30]))} {'occurs' if len(twice) == 1 else 'occur'} twice among the columns",
            expected="unique column names",
            next_step="rename one of them (in a query: name the columns one by one, with AS)",
        )
    key = "source.sequence" if len(reading.sequence_columns) == 1 else "source.channels"
    wanted = [(name, key) for name in reading.sequence_columns]
    wanted += [(name, f"source.{role}") for role, name in _named_roles(reading, found).items()]
    need_columns(reading, wanted, found)
    roles = role_columns(reading, found)
    refuse_others(reading, found, [*reading.sequence_columns, *roles.values()])
    return roles


def refuse_others(reading: Reading, found: list[str], used: Iterable[str]) -> None:
    """With `source.extra_columns = "refuse"`, every column must be named in the config."""
    if reading.source.extra_columns == "ignore":
        return
    known = list(dict.fromkeys(used))
    others = [name for name in found if name not in known]
    if others:
        raise reading.refuse(
            f"{'columns' if len(others) > 1 else 'a column'} that the config does not name: {listed(others)}",
            expected=f"only {listed(known)}",
            next_step='name them in the config, remove them from the file, or set source.extra_columns = "ignore"',
        )


def role_columns(reading: Reading, found: list[str]) -> dict[Role, str]:
    """Role -> column for label, id, time and group; a column that is named but missing is refused."""
    roles = _named_roles(reading, found)
    need_columns(reading, [(name, f"source.{role}") for role, name in roles.items()], found)
    return roles


def _named_roles(reading: Reading, found: list[str]) -> dict[Role, str]:
    """Role -> column as the config names it; new data need not have the label column."""
    source = reading.source
    named: dict[Role, str | None] = {
        "label": reading.column_label(),
        "id": source.id,
        "time": source.time,
        "group": source.group,
        "split": source.split,
    }
    return {
        role: name
        for role, name in named.items()
        if name is not None
        and (role not in ("label", "split") or reading.labelled or name in found)
        and (name in found or name not in reading.folder_values)
    }


def need_column(reading: Reading, name: str, found: list[str], key: str) -> None:
    """Refuse a file without the column, naming the nearest one."""
    need_columns(reading, [(name, key)], found)


def need_columns(reading: Reading, wanted: Sequence[tuple[str, str]], found: list[str]) -> None:
    """Refuse a file that lacks any of the columns; one error names all of them, each with its config key."""
    missing = [(name, key) for name, key in wanted if name not in found]
    if not missing:
        return
    near = [(name, difflib.get_close_matches(name, found, n=1, cutoff=0.5)) for name, _ in missing]
    raise reading.refuse(
        "; ".join(f"no column {name!r}" + (f"; the nearest is {close[0]!r}" if close else "") for name, close in near),
        expected=f"{'it' if len(missing) == 1 else 'them'} among the columns found: {listed(found) or 'none'}",
        next_step=_correction(
            reading, list(dict.fromkeys(key for _, key in missing)), found, is_near=any(close for _, close in near)
        ),
    )


def _correction(reading: Reading, keys: list[str], found: list[str], *, is_near: bool) -> str:
    """What to do about missing columns; a header that is no header is the commonest cause."""
    step = f"correct {' and '.join(keys)} in the config, or the file"
    if not reading.labelled and {"source.group", "source.time"} & set(keys):
        step += "; where new data has no such column, describe it in a [score.source] of its own, without that key"
    if reading.source.header and len(found) > 1 and 2 * sum(map(_is_number, found)) > len(found):
        step += "; if the first line is a record, set source.header = false: columns are then named 0, 1, 2 ..."
    elif keys == ["source.label"] and not is_near:
        step += "; the class of a row stands in one column"
    elif {"start", "end"} <= {name.lower() for name in found} and "source.sequence" in keys:
        step += "; coordinates are no sequences: bedtools getfasta writes the sequences as FASTA"
    elif found and all(len(name) > 1 and name[0] == name[-1] == "'" for name in found):
        step += """; names in apostrophes: set source.quote = "'\""""
    return step


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def constant(value: str | None, rows: int) -> pa.Array:
    """The same text for every row."""
    return pa.nulls(rows, pa.string()) if value is None else pa.repeat(pa.scalar(value, pa.string()), rows)


def row_numbers(first: int, count: int) -> pa.Int64Array:
    return pa.array(np.arange(first, first + count, dtype=np.int64))
