"""fasta and fastq (plain or .gz), parsed by dnaio.

The id is the header up to the first blank; `source.label_pattern` takes the class from it, and maybe another id, a time
and a group. Lower-case letters stay as they are; duplicate ids and empty sequences are left to the rules. Qualities are
not used. A malformed file is refused with its line.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dnaio
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import DataRefused
from seqcls.sources.assemble import assemble
from seqcls.sources.lines import columns_of, extract
from seqcls.sources.reading import Reading, Records, Reject
from seqcls.sources.stream import SourceStream, open_source
from seqcls.table import RAW_LIMIT, SourceBatch

ROWS_PER_BATCH = 16_384
_COMMENTS = re.compile(rb"\A(?:;[^\n\r]*(?:\r\n|\n|\r))+")
_BLANKS = str.maketrans("", "", " \t")
_EXPECTED = {"fasta": "'>' headers and sequences", "fastq": "four lines for each record: @ID, letters, +, qualities"}
_STEPS = {
    "got 'LOCUS": "this is GenBank: convert it to FASTA, such as with Biopython's SeqIO.convert",
    "ASCII": "replace the accented letters in the headers",
    "start with '@', but found '>'": 'set source.format = "fasta"',
    "record was: '>": 'set source.format = "fasta"',
    "got '@": 'if the file has qualities, set source.format = "fastq"',
    "start with '+'": "write each sequence and its qualities on one line (seqtk seq does so)",
    "qualities differ": "fix that record, or fetch the file again",
    "Premature end": "the file was cut off: fetch it again",
}
"""Part of dnaio's message -> what to do."""
LETTERS_PER_BATCH = 8_000_000


class _Guard(io.RawIOBase):
    """dnaio holds a whole record in memory: refuse a record far beyond `max_row_bytes` before it is read whole."""

    def __init__(self, reading: Reading, stream: SourceStream) -> None:
        self._reading, self._stream = reading, stream
        self._limit = max(2 * reading.source.max_row_bytes, 1 << 26)
        self._since = 0
        self._is_first, self._has_old_breaks = True, False
        self._is_fasta = reading.source.format == "fasta"
        self._start = b"\n>" if self._is_fasta else b"\n"
        self._ends = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = b""
        while not data:  # all of a piece may be taken away, or kept for later
            piece = self._stream.read(len(view) - len(self._ends)) or b""
            if not piece:
                return 0
            data = self._ends + self._plain(piece)
            self._ends = b""
            if not self._is_fasta:  # blank lines at the end of the file are no record
                kept = len(data.rstrip(b"\r\n"))
                kept += 2 if data.startswith(b"\r\n", kept) else 1
                data, self._ends = data[:kept], data[kept:]
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
            if self._is_fasta:  # comments of the first FASTA files
                data = _COMMENTS.sub(b"", data)
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
            letters_of_it = record.sequence
            sequences.append(letters_of_it.translate(_BLANKS) if " " in letters_of_it else letters_of_it)
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
        except (dnaio.FileFormatError, ValueError) as error:  # ValueError: bytes that are not ASCII
            raise _not_valid(reading, error) from None


def _not_valid(reading: Reading, error: Exception) -> DataRefused:
    form, found = reading.source.format, _one_line(error)
    line = getattr(error, "line", None)
    step = next((step for part, step in _STEPS.items() if part in found), "fetch the file again, or fix that line")
    return reading.refuse(
        f"not a valid {form} file: {found}", row=None if line is None else line + 1, expected=_EXPECTED[form],
        next_step=step,
    )  # fmt: skip


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
