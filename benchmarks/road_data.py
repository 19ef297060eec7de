"""DNA rows of random bases for measurements of speed: nothing to learn, made faster than they are read.

Out: a CSV file with columns id, sequence and, unless for scoring, label. No Python runs for a single row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

PIECE = 50_000
CLASSES = 4
CONFIG = """
name = "road"
kind = "dna"
[source]
format = "csv"
files = ["rows.csv"]
id = "id"
[encode]
max_length = 150
[model]
family = "cnn"
[train]
epochs = 1
[promote]
every_class_predicted = false
[score]
files = ["night.csv"]
"""


def write_dna(path: Path, rows: int, *, length: int = 150, labelled: bool = True, seed: int = 0) -> None:
    """Piece by piece, so that a large file needs no large memory."""
    random = np.random.default_rng(seed)
    fields = [("id", pa.string()), ("sequence", pa.string()), *([("label", pa.string())] if labelled else [])]
    schema = pa.schema(fields)
    with pyarrow.csv.CSVWriter(path, schema) as writer:
        for start in range(0, rows, PIECE):
            count = min(PIECE, rows - start)
            columns = [_ids(start, count), _sequences(random, count, length)]
            if labelled:
                columns.append(pa.array(np.char.add("class", random.integers(0, CLASSES, count).astype(str))))
            writer.write_table(pa.table([column.cast(pa.string()) for column in columns], schema=schema))


def _ids(start: int, count: int) -> pa.Array:
    return pa.array(np.char.add("r", np.arange(start, start + count).astype(str)))


def _sequences(random: np.random.Generator, count: int, length: int) -> pa.Array:
    bases: npt.NDArray[np.uint8] = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, count * length)]
    offsets = np.arange(count + 1, dtype=np.int32) * length
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(bases))
