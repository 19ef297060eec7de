"""long: a delimited file with one measurement per record (id, time, channel, value) -> one series per id.

The records of an id may be anywhere in the file: they are partitioned by the hash of the id into temporary Arrow files,
each small enough to sort in memory. Rows are the series, and the records that cannot be read; `source_row` of a series
is its first record. A series with one bad record is rejected as a whole, and the record is named.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.assemble import assemble
from seqcls.sources.delimited import Fields, read_fields
from seqcls.sources.numbers import parse_flat
from seqcls.sources.packed import kind_of
from seqcls.sources.pivot import pivot
from seqcls.sources.reading import Reading, Records, Reject, Role, need_column, refuse_others, role_columns, row_numbers
from seqcls.sources.times import positions_of
from seqcls.table import SourceBatch

BYTES_PER_PARTITION = 64 * 1024 * 1024
_PACKED_RATIO = 8  # measured: how well measurements as text are compressed
_MAX_PARTITIONS = 256  # open files
MAX_CHANNELS = 1000  # more mean a wrong column
_MEASUREMENTS = pa.schema(
    {
        "id": pa.string(), "position": pa.float64(), "channel": pa.string(), "value": pa.float64(), "row": pa.int64(),
        "fault": pa.string(), "label": pa.string(), "time": pa.string(), "group": pa.string(),
        "split": pa.string(),
    }
)  # fmt: skip


def read_long(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of series."""
    if reading.source.id is None:
        raise reading.refuse(
            'format = "long" needs source.id', expected="the column that identifies a series", next_step="set source.id"
        )
    with tempfile.TemporaryDirectory(prefix="seqcls-long-") as scratch:
        spread = _Spread(reading, Path(scratch))
        for fields in read_fields(reading, spread.choose):
            rejects = spread.add(fields)
            nothing = Records(row_numbers(1, 0), [pa.array([], pa.string())], rejects=rejects)
            yield assemble(reading, nothing)
        channels = reading.source.channels or reading.layout.in_order(
            reading.file, "long", sorted(spread.channels) or ["value"], "channel"
        )
        for measurements in spread.partitions():
            for records in pivot(reading, measurements, channels):
                yield assemble(reading, records)


class _Spread:
    """Measurements by the hash of their id, in temporary files."""

    def __init__(self, reading: Reading, scratch: Path) -> None:
        size = reading.file.size * (_PACKED_RATIO if kind_of(reading.file.path.name) else 1)
        self.reading = reading
        self.paths = [
            scratch / f"{number}.arrow" for number in range(min(_MAX_PARTITIONS, size // BYTES_PER_PARTITION + 1))
        ]
        self.channels: set[str] = set()
        self.roles: dict[Role, str] = {}
        self.has_channel = False
        self.are_times: bool | None = None
        self._stack = ExitStack()
        self._writers = [self._stack.enter_context(pa.ipc.new_file(path, _MEASUREMENTS)) for path in self.paths]

    def choose(self, found: list[str]) -> list[str]:
        source = self.reading.source
        need_column(self.reading, source.position, found, "source.position")
        need_column(self.reading, source.value, found, "source.value")
        self.roles = role_columns(self.reading, found)
        self.has_channel = source.channel in found
        if source.channels and not self.has_channel:
            need_column(self.reading, source.channel, found, "source.channel")
        names = [*self.roles.values(), source.position, source.value]
        refuse_others(self.reading, found, [*names, source.channel])
        return list(dict.fromkeys([*names, source.channel] if self.has_channel else names))

    def add(self, fields: Fields) -> list[Reject]:
        """Partition one block; returns the records that belong to no series."""
        table = self._measurements(fields)
        nameless = pc.equal(table["id"].combine_chunks(), "")  # Arrow 25 crashes on chunked columns without chunks
        rejects = list(fields.rejects)
        for index in pc.indices_nonzero(nameless).to_pylist():
            rejects.append(
                self.reading.reject(
                    fields.rows[index].as_py(),
                    self.reading.source.id or "",
                    "id",
                    "no id: the value belongs to no series",
                    fields.raw(index),
                )
            )
        self.channels.update(pc.unique(table["channel"]).to_pylist())
        if len(self.channels) > MAX_CHANNELS:
            raise self.reading.refuse(
                f"more than {MAX_CHANNELS} channels", column=self.reading.source.channel,
                expected="the names of a few channels",
                next_step="check source.channel",
            )  # fmt: skip
        self._write(table.filter(pc.invert(nameless)))
        return rejects

    def _measurements(self, fields: Fields) -> pa.Table:
        source, count = self.reading.source, len(fields.rows)
        values, value_faults = parse_flat(fields.columns[source.value], self.reading.notation)
        positions, position_faults = self._positions(fields.columns[source.position])
        faults: list[str | None] = [None] * count
        for at in np.flatnonzero(np.isnan(positions)).tolist():
            position_faults.setdefault(at, "missing")
        for name, found in ((source.value, value_faults), (source.position, position_faults)):
            for index, reason in found.items():
                faults[index] = f"record {fields.rows[index]}, {name}: {reason}"
        nothing = pa.nulls(count, pa.string())
        role = {
            name: fields.columns[self.roles[name]] if name in self.roles else nothing
            for name in ("label", "time", "group", "split")
        }
        channel = fields.columns[source.channel] if self.has_channel else pa.repeat(pa.scalar("value"), count)
        arrays = [
            fields.columns[self.roles["id"]], pa.array(positions), channel, pa.array(values), fields.rows,
            pa.array(faults, pa.string()), role["label"], role["time"], role["group"],
            role["split"],
        ]  # fmt: skip
        return pa.Table.from_arrays(arrays, schema=_MEASUREMENTS)

    def _positions(self, cells: pa.Array) -> tuple[npt.NDArray[np.float64], dict[int, str]]:
        """Numbers, or times in microseconds since 1970; the first block decides for the file."""
        places, faults, self.are_times = positions_of(cells, self.reading.source, self.reading.notation, self.are_times)
        return places, faults

    def _write(self, table: pa.Table) -> None:
        if len(self._writers) == 1:
            self._writers[0].write_table(table)
            return
        ids = pc.dictionary_encode(table["id"].combine_chunks())
        hashes = np.array(
            [zlib.crc32(name.encode()) % len(self._writers) for name in ids.dictionary.to_pylist()], np.int64
        )
        part_of = hashes[ids.indices.to_numpy()]
        for number in np.unique(part_of):
            self._writers[number].write_table(table.filter(pa.array(part_of == number)))

    def partitions(self) -> Iterator[pa.Table]:
        self._stack.close()
        for path in self.paths:
            with pa.memory_map(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
                if table.num_rows:
                    yield table
            path.unlink()
