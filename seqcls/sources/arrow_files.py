"""arrow: files and streams of Arrow (Feather, and what `save_to_disk` of Hugging Face datasets writes) -> records.

In: an .arrow or .feather file. Out: batches. Promise: as for Parquet, types are checked before rows are read, every
batch is validated, and text in dictionaries is measured before it is expanded. Integers that the file itself names
(`ClassLabel` of Hugging Face) get these names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.columnar import Columns, batches_of, choose_columns
from seqcls.sources.parquet_files import ROWS_PER_BATCH, arrow_errors
from seqcls.sources.reading import Reading
from seqcls.sources.stream import check_same, open_regular
from seqcls.store.artefacts import file_digest
from seqcls.table import SourceBatch

_MAGIC = b"ARROW1"


def read_arrow(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of an Arrow file or stream."""
    with open_regular(reading) as handle:
        is_file, facts = handle.read(len(_MAGIC)) == _MAGIC, os.fstat(handle.fileno())
    with arrow_errors(reading, "Arrow"):
        data = pa.memory_map(str(reading.file.path))
        reader = pa.ipc.open_file(data) if is_file else pa.ipc.open_stream(data)
        chosen = choose_columns(reading, reader.schema)
    with data, reader:
        names = _class_names(reader.schema, chosen)
        yield from batches_of(reading, _batches(reading, reader, chosen, names), chosen)
    check_same(reading, file_digest(reading.file.path), facts)


def _batches(
    reading: Reading, reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader, chosen: Columns, names: list[str]
) -> Iterator[pa.RecordBatch]:
    step, number = chosen.rows_at_a_time(ROWS_PER_BATCH), 0
    while True:
        with arrow_errors(reading, "Arrow"):
            batch = _next_batch(reader, number)
            if batch is not None:
                batch.validate(full=True)
        if batch is None:
            return
        number += 1
        wanted = batch.select(chosen.names)
        for start in range(0, wanted.num_rows, step):
            yield _with_class_names(wanted.slice(start, step), chosen, names)


def _next_batch(reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader, number: int) -> pa.RecordBatch | None:
    if isinstance(reader, pa.RecordBatchFileReader):
        return reader.get_batch(number) if number < reader.num_record_batches else None
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _class_names(schema: pa.Schema, chosen: Columns) -> list[str]:
    """What the metadata of Hugging Face call the integers of the label column; none for other files."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[chosen.roles["label"]]["names"]
    except (KeyError, ValueError, TypeError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _with_class_names(batch: pa.RecordBatch, chosen: Columns, names: list[str]) -> pa.RecordBatch:
    """-1 is no class; an integer beyond the names stays what it is."""
    column = batch.column(chosen.roles["label"]) if names else None
    if column is None or not pa.types.is_integer(column.type):
        return batch
    codes = pc.if_else(pc.equal(column, -1), pa.scalar(None, column.type), column)
    known = pc.and_(pc.greater_equal(codes, 0), pc.less(codes, len(names)))
    places = pc.if_else(known, codes, pa.scalar(None, column.type))
    named = pc.coalesce(pa.array(names).take(places), codes.cast(pa.string()))
    return batch.set_column(batch.schema.get_field_index(chosen.roles["label"]), chosen.roles["label"], named)
