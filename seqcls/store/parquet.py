"""Parquet as this project reads and writes it: page checksums written and verified, shards, bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from seqcls.errors import Corrupted
from seqcls.store.background import WriteBehind
from seqcls.store.failpoints import failpoint

ROWS_PER_BATCH = 65_536
BYTES_PER_GROUP = 8 * 1024 * 1024
ROWS_PER_SHARD = 4 * ROWS_PER_BATCH
"""Files are hashed two at a time, so there should be several."""

Codec = Literal["lz4", "none"]
"""Of the column `sequence`, nearly all of the bytes (docs/reference/decisions/0005); the others have zstd."""


class ShardWriter:
    """Write tables to FOLDER/part-00000.parquet, part-00001.parquet, ...; at least one file, maybe without rows.

    Tables are gathered until about 8 MiB or 65,536 rows make a row group, so many small tables cost no more. A group is
    packed and written by another thread while the next one is gathered; writers that share `behind` have one group at
    most between them, so memory stays bounded. An error of it is raised when the next group is ready, at the end of the
    block at the latest. The last group is written by the caller: a small table starts no thread.
    """

    def __init__(
        self,
        folder: Path,
        schema: pa.Schema,
        rows_per_shard: int = ROWS_PER_SHARD,
        behind: WriteBehind | None = None,
        sequences: Codec = "lz4",
    ) -> None:
        self.folder, self.schema, self.rows_per_shard, self.sequences = folder, schema, rows_per_shard, sequences
        self.rows = 0
        self._shard = 0
        self._rows_in_shard = 0
        self._pending: list[pa.Table] = []
        self._pending_rows = self._pending_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._behind = behind or WriteBehind()
        self._owns_behind = behind is None
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, table: pa.Table) -> None:
        self._pending.append(table.cast(self.schema))
        self.rows += table.num_rows
        self._pending_rows += table.num_rows
        self._pending_bytes += self._pending[-1].nbytes
        if self._pending_rows >= ROWS_PER_BATCH or self._pending_bytes >= BYTES_PER_GROUP:
            self._behind.hand_over(partial(self._write_group, self._take_pending()))

    def _take_pending(self) -> pa.Table:
        group = pa.concat_tables(self._pending) if self._pending else self.schema.empty_table()
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        return group

    def _write_group(self, group: pa.Table) -> None:
        if self._writer is None:
            path = self.folder / f"part-{self._shard:05d}.parquet"
            self._writer = _open_writer(path, self.schema, self.sequences, statistics=False)
        self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
        failpoint("shard_written")
        self._rows_in_shard += group.num_rows
        if self._rows_in_shard >= self.rows_per_shard:
            self._writer.close()
            self._writer, self._rows_in_shard, self._shard = None, 0, self._shard + 1

    def _write_rest(self) -> None:
        if self._pending or (self._writer is None and self._shard == 0):
            self._write_group(self._take_pending())

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            if self._owns_behind:
                stack.enter_context(self._behind)
            stack.callback(self._behind.in_turn, self._close_file)
            self._behind.settle(error)
            if error is None:
                self._write_rest()

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()


def write_parquet(path: Path, table: pa.Table) -> None:
    """One small table -> one file."""
    with _open_writer(path, table.schema) as writer:
        writer.write_table(table)


def shards(folder: Path) -> list[Path]:
    """The part files of a folder, in order."""
    return sorted(folder.glob("part-*.parquet"))


def iterate(paths: list[Path], columns: list[str] | None = None, rows: int = ROWS_PER_BATCH) -> Iterator[pa.Table]:
    """Tables of at most `rows` rows, in order; constant memory."""
    for path in paths:
        with _open(path) as file:
            try:
                for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
                    yield pa.Table.from_batches([batch])
            except (OSError, pa.ArrowException) as error:
                raise _corrupted(path, error) from error


def read_parquet(paths: list[Path] | Path, columns: list[str] | None = None) -> pa.Table:
    """All rows of some files at once."""
    tables = []
    for path in [paths] if isinstance(paths, Path) else paths:
        with _open(path) as file:
            try:
                tables.append(file.read(columns=columns))
            except (OSError, pa.ArrowException) as error:
                raise _corrupted(path, error) from error
    return pa.concat_tables(tables)


def count_rows(paths: list[Path]) -> int:
    """Rows by the files' footers."""
    total = 0
    for path in paths:
        with _open(path) as file:
            total += file.metadata.num_rows
    return total


def count_bytes(paths: list[Path]) -> int:
    """Bytes of all columns unpacked, by the files' footers."""
    total = 0
    for path in paths:
        with _open(path) as file:
            total += sum(
                file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups)
            )
    return total


def rows_of(paths: list[Path], size: int) -> int:
    """Rows that make about `size` bytes unpacked, for `iterate`: long sequences come in smaller batches."""
    return max(1, min(ROWS_PER_BATCH, size * count_rows(paths) // max(count_bytes(paths), 1)))


def _open_writer(
    path: Path, schema: pa.Schema, sequences: Codec = "lz4", *, statistics: bool = True
) -> pq.ParquetWriter:
    """Statistics are for those who look for some rows; shards are read from end to end."""
    plain = [field.name for field in schema if field.name != "sequence"]
    codecs = {field: sequences if field.name == "sequence" else "zstd" for field in schema}
    return pq.ParquetWriter(
        path,
        schema,
        compression={_leaf(field): codec for field, codec in codecs.items()},
        compression_level={_leaf(field): 1 for field, codec in codecs.items() if codec == "zstd"},
        write_page_checksum=True,
        use_dictionary=[name for name in plain if name not in ("id", "source_row")],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in plain if name == "source_row"},
        write_statistics=plain if statistics else False,
    )


def _leaf(field: pa.Field) -> str:
    """The column of the file: for lists that of their values, and a codec for any other name would be passed over."""
    name: str = field.name
    kind = field.type
    while pa.types.is_list(kind):
        name, kind = f"{name}.list.element", kind.value_type
    return name


def _open(path: Path) -> pq.ParquetFile:
    try:
        # pre_buffer, on by default, holds a whole file's columns (packed) in memory while it is iterated.
        return pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise _corrupted(path, error) from error


def _corrupted(path: Path, error: Exception) -> Corrupted:
    return Corrupted(
        f"not readable as Parquet ({str(error).splitlines()[0]})",
        where=str(path),
        expected="the file as seqcls wrote it",
        next_step="`seqcls doctor` names the damaged artefacts; the next run makes them again",
    )
