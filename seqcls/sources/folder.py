"""folder: one text file per row; the class is the name of its folder (or by `labels`, from the file's name)."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import show, text_blocks, too_long, undecodable
from seqcls.sources.reading import Reading, Records, constant, row_numbers
from seqcls.sources.stream import open_source
from seqcls.table import SourceBatch


def read_folder_file(reading: Reading) -> Iterator[SourceBatch]:
    """One batch with one row."""
    limit = reading.source.max_row_bytes
    data, is_long = b"", False
    with open_source(reading) as stream:
        for block in text_blocks(reading, stream, old_breaks=False):
            is_long = is_long or block.overlong or len(data) + len(block.data) > limit
            data = data if is_long else data + block.data
    nothing = Records(row_numbers(1, 0), [pa.array([], pa.string())])
    if is_long:
        nothing.rejects.append(too_long(reading, 1, reading.file.size, data))
    elif reason := undecodable(data, reading.source.encoding, 0):
        nothing.rejects.append(reading.reject(1, "", "encoding", reason, show(data)))
    else:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
        yield assemble(
            reading, Records(row_numbers(1, 1), [pa.array([text])], {"label": _label(reading)}, raw=lambda _: text)
        )
        return
    yield assemble(reading, nothing)


def _label(reading: Reading) -> pa.Array:
    if reading.source.labels or reading.source.label_from == "file":
        return constant(reading.file_label(), 1)
    return constant(reading.folder_label(), 1)
