"""fasta and fastq (plain or .gz), parsed by dnaio.

The id is the header up to the first blank; `source.label_pattern` takes the class from it, and maybe another id, a time
and a group. Lower-case letters stay as they are; duplicate ids and empty sequences are left to the rules. Qualities are
not used. A malformed file is refused with its line.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dnaio
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.assemble import assemble
from seqcls.sources.lines import columns_of, extract
from seqcls.sources.reading import Reading, Records, Reject
from seqcls.sources.stream import SourceStream, open_source
from seqcls.table import RAW_LIMIT, SourceBatch

ROWS_PER_BATCH = 16_384
LETTERS_PER_BATCH = 8_000_000


class _Guard(io.RawIOBase):
    """dnaio holds a whole record in memory: refuse a record far beyond `max_row_bytes` before it is read whole."""

    def __init__(self, reading: Reading, stream: SourceStream) -> None:
        self._reading, self._stream = reading, stream
        self._limit = max(2 * reading.source.max_row_bytes, 1 << 26)
        self._since = 0
        self._is_first, self._has_old_breaks = True, False
        self._start = b"\n>" if reading.source.format == "fasta" else b"\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._plain(self._stream.read(len(view)) or b"")
        count = len(data)
        view[:count] = data
        last = data.rfind(self._start)
        self._since = self._since + count if last < 0 else count - last
        if self._since > self._limit:
            raise self._reading.refuse(
                f"a record of more than {self._limit} bytes", expected="at most source.max_row_bytes",
                next_step="split long sequences (such as whole chromosomes) into windows first",
            )  # fmt: skip
        return count

    def _plain(self, data: bytes) -> bytes:
        """Without a byte order mark; CR is replaced by LF if the first lines end in CR alone."""
        if self._is_first:
            self._is_first = False
            data = data.removeprefix(codecs.BOM_UTF8)
            self._has_old_breaks = b"\n" not in data and b"\r" in data[:-1]
        return data.replace(b"\r", b"\n") if self._has_old_breaks else data


def read_fasta(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a FASTA or FASTQ file."""
    if reading.labelled and reading.label_place == "none":
        raise reading.refuse(
            "the class of a sequence is not defined",
            expected="source.labels (by file), source.label_pattern (by header) or source.label_table (by id)",
            next_step='for one class per file write labels = { "AMP.*.fa" = "amp" }',
        )  # fmt: skip
    headers, sequences, letters, rejects = list[str](), list[str](), 0, list[Reject]()
    rows: list[int] = []
    with _records(reading) as records:
        for row, record in enumerate(records, 1):
            if len(record.sequence) > reading.source.max_row_bytes:
                limit = reading.source.max_row_bytes
                reason = f"{len(record.sequence)} letters; a row may have {limit} (source.max_row_bytes)"
                rejects.append(reading.reject(row, "sequence", "row_bytes", reason, record.sequence[:RAW_LIMIT]))
                continue
            rows.append(row)
            headers.append(record.name)
            sequences.append(record.sequence)
            letters += len(record.sequence)
            if len(rows) >= ROWS_PER_BATCH or letters >= LETTERS_PER_BATCH:
                yield _batch(reading, rows, headers, sequences, rejects)
                rows, headers, sequences, letters, rejects = [], [], [], 0, []
    if rows or rejects:
        yield _batch(reading, rows, headers, sequences, rejects)


@contextmanager
def _records(reading: Reading) -> Iterator[Iterator[Any]]:
    """dnaio's records; its errors become refusals."""
    with open_source(reading) as stream:
        file = io.BufferedReader(_Guard(reading, stream), 1 << 17)
        try:
            with dnaio.open(file, fileformat=reading.source.format) as records:
                yield iter(records)
        except dnaio.FileFormatError as error:
            line = None if error.line is None else error.line + 1
            raise reading.refuse(
                f"not a valid {reading.source.format} file: {_one_line(error)}", row=line,
                expected="'>' or '@' headers and sequences", next_step="fetch the file again, or fix that line",
            ) from None  # fmt: skip
        except ValueError as error:  # bytes that are not ASCII; dnaio gives the position, not the line
            raise reading.refuse(
                f"not a valid {reading.source.format} file: {_one_line(error)}", expected="ASCII characters",
                next_step="look for accented letters in the headers, or another file under this name",
            ) from None  # fmt: skip


def _one_line(error: Exception) -> str:
    return str(error).split("\n")[0][:200]


def _batch(
    reading: Reading, rows: list[int], headers: list[str], sequences: list[str], rejects: list[Reject]
) -> SourceBatch:
    titles = pc.utf8_trim(pa.array(headers, pa.string()), " \t")  # "> 6400" is 6400
    ids = pc.replace_substring_regex(titles, r"^([^ \t]*)(?s:.*)$", r"\1")
    records = Records(
        pa.array(rows, pa.int64()), [pa.array(sequences, pa.string())], {"id": ids}, rejects,
        raw=lambda index: f">{headers[index]}\n{sequences[index]}",
    )  # fmt: skip
    if reading.label_place == "header" and reading.source.label_pattern:
        found = extract(reading.source.label_pattern, titles, "source.label_pattern")
        records.columns |= columns_of(found)
        records.columns["id"] = pc.coalesce(records.columns["id"], ids)
    return assemble(reading, records)
