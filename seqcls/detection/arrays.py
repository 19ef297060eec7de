"""Files of columns and arrays: Parquet, Arrow, NumPy."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqcls.detection.columns import Column, describe
from seqcls.detection.found import Found
from seqcls.errors import DataRefused

MOST_ROWS = 1000
MOST_BYTES = 64 * 1024 * 1024
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow", b"\x93NUMPY": "numpy"}


def format_of(data: bytes) -> str:
    """parquet, arrow or numpy, by the first bytes; "" for text."""
    if data.startswith(b"PK") and b".npy" in data[:200]:
        return "numpy"
    return next((name for start, name in _MAGIC.items() if data.startswith(start)), "")


def rows_of(path: Path, form: str) -> list[dict[str, object]]:
    """The first rows of a file of columns. Raises DataRefused."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if form == "parquet":
            with pq.ParquetFile(path) as file:
                batch = next(file.iter_batches(batch_size=MOST_ROWS), None)
        else:
            with pa.memory_map(str(path)) as data:
                is_file = data.read(6) == b"ARROW1"
                data.seek(0)
                reader = pa.ipc.open_file(data) if is_file else pa.ipc.open_stream(data)
                batch = reader.get_batch(0) if is_file else next(iter(reader), None)
        return [] if batch is None else batch.slice(0, MOST_ROWS).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataRefused(f"not readable as {form} ({error})", where=str(path), next_step="write it again") from None


def find_arrays(found: Found, path: Path) -> None:
    """The sequences are the array of two or three axes (or of texts), the classes one with few values."""
    found.set("format", "numpy", "the file is an array of NumPy, or an archive of them")
    arrays = dict(_arrays(path))
    deep = {name: array for name, array in arrays.items() if array.ndim in (2, 3) and array.dtype.kind in "iufb"}
    found.kind = "series" if deep else "text"
    texts = {name: a for name, a in arrays.items() if a.ndim == 1 and a.dtype.kind == "U"}
    best = max(deep or texts, key=lambda name: arrays[name].size, default=None)
    if path.suffix == ".npy" or (len(arrays) == 1 and "" in arrays):
        return found.ask("label_files", ["FILL_IN"], "an .npy file holds no classes: which file has one per line?")
    if best is None:
        return found.ask("sequence", "FILL_IN", f"which array holds the sequences? There are {_shown(arrays)}")
    found.set("sequence", best, f"shape {arrays[best].shape}")
    flat = {name: Column(name, array.tolist()) for name, array in arrays.items() if array.ndim == 1 and name != best}
    few = {name: column for name, column in flat.items() if 2 <= len(column.counts) <= max(2, len(column.texts) // 2)}
    label = min(few, key=lambda name: len(few[name].counts), default=None)
    if label is None:
        return found.ask("label", "FILL_IN", f"which array holds the classes? There are {_shown(arrays)}")
    return found.set("label", label, describe(Counter(few[label].counts)))


def _shown(arrays: dict[str, Any]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items())


def _arrays(path: Path) -> Iterator[tuple[str, Any]]:
    """Name and array, of those that are not too large to be looked at; nothing is unpickled."""
    try:
        if path.suffix == ".npy" or not zipfile.is_zipfile(path):
            yield "", np.load(path, mmap_mode="r", allow_pickle=False)
            return
        with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as arrays:
            for info in archive.infolist():
                if info.file_size > MOST_BYTES:
                    raise DataRefused(
                        f"the array {info.filename} has {info.file_size} bytes", where=str(path),
                        expected=f"arrays of at most {MOST_BYTES} bytes to look at",
                        next_step='write the pipeline file by hand: format = "numpy", sequence and label name arrays',
                    )  # fmt: skip
                yield info.filename.removesuffix(".npy"), arrays[info.filename.removesuffix(".npy")]
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise DataRefused(f"not readable as NumPy ({error})", where=str(path), next_step="save it again") from None
