"""Readers of all formats: one file -> batches of table rows and rejects.

In: `InputFile` + `SourceConfig`. Out: `SourceBatch`es. Promise: every record of the file is accepted or rejected, and
counted; a file that cannot be read as a whole raises DataRefused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from seqcls.config.source import LabelTable, SourceConfig
from seqcls.errors import NO_SPACE, STRIKES_ANY_FILE, CheckBroken, InputFailed, NotEnough, remedy
from seqcls.sources.annotations import TOOLS
from seqcls.sources.arff import read_arff
from seqcls.sources.arrow_files import read_arrow
from seqcls.sources.channel_files import read_channel_files
from seqcls.sources.checksums import check_checksum
from seqcls.sources.classes_apart import ClassLines, ClassTable, table_of
from seqcls.sources.delimited import read_delimited
from seqcls.sources.discover import find_files
from seqcls.sources.fasta import read_fasta
from seqcls.sources.fasttext import read_fasttext
from seqcls.sources.folder import read_folder_file
from seqcls.sources.jsonl import read_jsonl
from seqcls.sources.layout import FirstLayout
from seqcls.sources.lines import read_text_lines
from seqcls.sources.long import read_long
from seqcls.sources.numpy_arrays import read_numpy
from seqcls.sources.parquet_files import read_parquet_source
from seqcls.sources.paths import find_paths
from seqcls.sources.reading import Reading
from seqcls.sources.recording import read_recording
from seqcls.sources.sktime import read_ts
from seqcls.sources.sql import read_sql
from seqcls.sources.ucr import read_ucr
from seqcls.sources.wide import read_wide
from seqcls.table import InputFile, Kind, SourceBatch

FORMATS: dict[str, Callable[[Reading], Iterator[SourceBatch]]] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "jsonl": read_jsonl,
    **dict.fromkeys(TOOLS, read_jsonl),
    "parquet": read_parquet_source,
    "arrow": read_arrow,
    "numpy": read_numpy,
    "folder": read_folder_file,
    "lines": read_text_lines,
    "fasttext": read_fasttext,
    "ucr": read_ucr,
    "ts": read_ts,
    "arff": read_arff,
    "wide": read_wide,
    "long": read_long,
    "recording": read_recording,
    "sql": read_sql,
    "fasta": read_fasta,
    "fastq": read_fasta,
}
_MAYBE_EMPTY = ("sql", "folder")  # a query has no size; an empty text file is a row, which the rules judge
AGAIN = "deliver the file again, or remove it"


def read_file(
    file: InputFile, source: SourceConfig, kind: Kind, *, labelled: bool, folder: Path,
    layout: FirstLayout | None = None, names_only: bool = False,
) -> Iterator[SourceBatch]:  # fmt: skip
    """Read one file; `labelled` says that every row needs a class (training), `layout` what is read in which order,
    `names_only` that ids and classes are wanted, and no sequences.

    A file that holds a header and no record has no batch: a quiet night is no fault.
    """
    reading = _with_classes(
        Reading(file, source, kind, labelled, folder, layout or FirstLayout(), names_only=names_only)
    )
    if source.checksums:
        check_checksum(reading)
    if file.size == 0 and source.format not in _MAYBE_EMPTY:
        raise reading.refuse("no rows: the file is empty", expected="at least one record", next_step=AGAIN)
    rows = 0
    for batch in _read(reading):
        rows += batch.rows_in
        if batch.table.num_rows + batch.rejects.num_rows != batch.rows_in:
            raise CheckBroken(
                f"{batch.rows_in} records became {batch.table.num_rows} rows and {batch.rejects.num_rows} rejects",
                where=file.name, expected="every record in exactly one of the two",
            )  # fmt: skip
        if batch.rows_in:
            yield batch
    if isinstance(reading.apart, ClassLines):
        reading.apart.check_count(reading, rows)


def _with_classes(reading: Reading) -> Reading:
    """Where the classes of training rows stand in another file."""
    if reading.label_place == "labels":
        lines = ClassLines.read(reading)
        return replace(reading, apart=lines) if lines else reading
    table = reading.source.label_table
    if not reading.labelled or table is None:
        return reading
    [path] = find_paths(reading.folder, [table.file])
    facts = path.stat()
    key = (path, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    return replace(reading, apart=_class_table(table.model_dump_json(), reading.folder, key))


@lru_cache(maxsize=4)
def _class_table(config: str, folder: Path, _key: tuple[object, ...]) -> ClassTable:
    """Read once for all files that it belongs to."""
    source = LabelTable.model_validate_json(config).as_source()
    [file] = find_files(source, folder)
    return table_of(file, list(read_file(file, source, "text", labelled=True, folder=folder, names_only=True)))


def _read(reading: Reading) -> Iterator[SourceBatch]:
    """A disk error while reading is an error of this file, unless it would affect every file."""
    try:
        read = FORMATS[reading.source.format]
        yield from read_channel_files(reading, read) if reading.source.channel_files else read(reading)
    except OSError as error:
        if error.errno in STRIKES_ANY_FILE or reading.source.format == "sql":
            raise
        if error.errno in NO_SPACE:  # measurements of format "long" are sorted on disk
            raise NotEnough(
                f"no room for temporary files ({error.strerror})", where=reading.file.name,
                expected="free space in the folder for temporary files (TMPDIR)", next_step=remedy(error),
            ) from error  # fmt: skip
        raise InputFailed(
            f"cannot be read ({error.strerror or error})", where=reading.file.name, expected="a readable file",
            next_step=f"{remedy(error)}, or fetch the file again",
        ) from error  # fmt: skip
