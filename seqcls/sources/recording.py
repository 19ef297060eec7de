"""recording: a delimited file that is one series: a column per channel, a record per time step.

The columns are `source.channels`, or all that no other setting names, in the order of the first file. The id is the
name of the file. Class, time, group and split are the same in every record, or the file is rejected; records stand in
order of time. A file with one record that cannot be read is rejected as a whole, and the record is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import listed
from seqcls.sources.assemble import assemble
from seqcls.sources.delimited import Fields, read_fields
from seqcls.sources.numbers import parse_flat
from seqcls.sources.reading import (
    Problem,
    Reading,
    Records,
    Role,
    constant,
    need_columns,
    refuse_others,
    role_columns,
    row_numbers,
)
from seqcls.sources.times import positions_of
from seqcls.sources.wide import series_of
from seqcls.table import SourceBatch

_BYTES_PER_VALUE = 4


def read_recording(reading: Reading) -> Iterator[SourceBatch]:
    """One batch with one row."""
    found = _Recording(reading)
    for fields in read_fields(reading, found.choose):
        found.add(fields)
    yield assemble(reading, found.records())


@dataclass
class _Recording:
    reading: Reading
    channels: list[str] = field(default_factory=list)
    roles: dict[Role, str] = field(default_factory=dict)
    position: str | None = None
    values: list[npt.NDArray[np.float64]] = field(default_factory=list)
    constants: dict[Role, str | None] = field(default_factory=dict)
    last: float = -np.inf
    are_times: bool | None = None
    problem: Problem | None = None

    def choose(self, found: list[str]) -> list[str]:
        source = self.reading.source
        self.roles = role_columns(self.reading, found)
        self.position = source.position if source.position in found else None
        if "position" in source.model_fields_set:
            need_columns(self.reading, [(source.position, "source.position")], found)
        taken = {*self.roles.values(), source.label, self.position}
        if source.channels:
            need_columns(self.reading, [(name, "source.channels") for name in source.channels], found)
            self.channels = source.channels
        else:
            others = [name for name in dict.fromkeys(found) if name not in taken]
            self.channels = self.reading.layout.in_order(self.reading.file, "recording", others, "column")
        if not self.channels:
            raise self.reading.refuse(
                f"no column of values: the columns are {listed(found)}", expected="a column per channel",
                next_step="check source.delimiter, or name the columns in source.channels",
            )  # fmt: skip
        names = [*self.channels, *self.roles.values(), *([self.position] if self.position else [])]
        refuse_others(self.reading, found, names)
        return list(dict.fromkeys(names))

    def add(self, fields: Fields) -> None:
        """Some records; the first that cannot be used is the problem of the file."""
        if self.problem is not None:
            return
        if fields.rejects:
            first = fields.rejects[0]
            reasons, rules = first["reasons"], first["rules"]
            assert isinstance(reasons, list)
            assert isinstance(rules, list)
            self.problem = ("", rules[0], f"record {first['source_row']}: {reasons[0]}")
            return
        columns = [parse_flat(fields.columns[name], self.reading.notation) for name in self.channels]
        for name, (_, faults) in zip(self.channels, columns, strict=True):
            for at, reason in faults.items():
                self.problem = self.problem or (name, "number", f"record {fields.rows[at]}: {reason}")
        self._check_positions(fields)
        self._check_constants(fields)
        self.values.append(np.stack([values for values, _ in columns]))
        size = sum(part.size for part in self.values) * _BYTES_PER_VALUE
        if size > self.reading.source.max_row_bytes:
            limit = self.reading.source.max_row_bytes
            self.problem = ("", "row_bytes", f"more than {limit} bytes of values; a row may have {limit}"
                            " (source.max_row_bytes)")  # fmt: skip
            self.values = []

    def _check_positions(self, fields: Fields) -> None:
        if self.position is None or not len(fields.rows):
            return
        places, faults, self.are_times = positions_of(
            fields.columns[self.position], self.reading.source, self.reading.notation, self.are_times
        )
        falls = np.flatnonzero(np.diff(places, prepend=self.last) <= 0)
        for at, reason in faults.items():
            self.problem = self.problem or (self.position, "position", f"record {fields.rows[at]}: {reason}")
        if len(falls) and self.problem is None:
            at = int(falls[0])
            found = fields.columns[self.position][at]
            reason = f"record {fields.rows[at]}: {found} does not come after the record before it"
            self.problem = (self.position, "position", reason)
        self.last = float(places[-1])

    def _check_constants(self, fields: Fields) -> None:
        for role, name in self.roles.items():
            known = self.constants.get(role)
            for value in pc.unique(fields.columns[name].filter(pc.not_equal(fields.columns[name], ""))).to_pylist():
                if known not in (None, value) and self.problem is None:
                    self.problem = (name, "constant", f"{known!r} and {value!r} in one recording; a series has one")
                known = known if known is not None else value
            self.constants[role] = known

    def records(self) -> Records:
        """The row."""
        values = np.concatenate(self.values, axis=1) if self.values else np.empty((max(len(self.channels), 1), 0))
        records = Records(row_numbers(1, 1), [series_of(values[None])], raw=lambda _: self.reading.file.name)
        records.columns = {role: constant(value, 1) for role, value in self.constants.items()}
        records.columns.setdefault("id", pa.array([self.reading.file.name]))
        if self.problem is not None:
            records.problems = {0: [self.problem]}
        return records
