"""Classes that stand in files of their own: one per line, in step with the rows, or in a table, joined by the id.

In: `source.label_files` or `source.label_table`. Out: the class of each row. Promise: a file of lines with another
number of classes than rows is refused, and so is a table where an id has two classes; a row without an entry is
rejected.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import DataRefused
from seqcls.sources.packed import KINDS
from seqcls.sources.paths import label_file_of
from seqcls.sources.reading import Reading
from seqcls.table import InputFile, SourceBatch

Found = tuple[pa.Array, dict[int, str]]
"""Classes, null where there is none, and why a row has none."""


@dataclass
class ClassLines:
    """The class of the row of the same number."""

    path: Path
    classes: pa.Array

    @classmethod
    def read(cls, reading: Reading) -> ClassLines | None:
        """The label file of this file; none for new data without one. Raises DataRefused."""
        path = label_file_of(reading.source, reading.folder, reading.file.path)
        if path is None and not reading.labelled:
            return None
        if path is None:
            raise reading.refuse(
                "no label file belongs to this file", expected="one in source.label_files", next_step="add it there"
            )
        try:
            lines = path.read_bytes().decode(reading.source.encoding).removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise reading.refuse(
                f"byte {error.start} of {path.name} is not {reading.source.encoding}", next_step="check source.encoding"
            ) from None
        lines = [] if lines == [""] else [line.removesuffix("\r").strip(" \t") for line in lines]
        return cls(path, pa.array(lines, pa.string()))

    def of(self, rows: pa.Int64Array, _ids: pa.Array | None, _file: InputFile) -> Found:
        """Rows beyond the last class have none; the whole file is refused by `check_count`, with both counts."""
        places = pc.if_else(pc.less_equal(rows, len(self.classes)), pc.subtract(rows, 1), None)
        return self.classes.take(places), {}

    def check_count(self, reading: Reading, rows: int) -> None:
        """Refuse a file that has not as many rows as classes."""
        if rows != len(self.classes):
            raise reading.refuse(
                f"{rows} rows, but {len(self.classes)} classes in {self.path.name}", expected="one class per row",
                next_step="compare the ends of the two files",
            )  # fmt: skip


@dataclass(frozen=True)
class ClassTable:
    """The class of the row with this id, or of the file with this name."""

    where: str
    ids: pa.Array
    classes: pa.Array

    def of(self, rows: pa.Int64Array, ids: pa.Array | None, file: InputFile) -> Found:
        """By the id where rows have one, else by the name of their file, with or without folder and ending."""
        if ids is None:
            names = pa.array(names_of(file), pa.string())
            places = pc.index_in(names, value_set=self.ids).drop_null()
            classes = self.classes.take(places)
            if len(classes):
                return pa.repeat(classes[0], len(rows)), {}
            return pa.nulls(len(rows), pa.string()), dict.fromkeys(range(len(rows)), self._unknown(names[-1].as_py()))
        places = pc.index_in(ids, value_set=self.ids)
        missing = pc.indices_nonzero(pc.and_(pc.is_null(places), pc.is_valid(ids))).to_pylist()
        return self.classes.take(places), {index: self._unknown(ids[index].as_py()) for index in missing}

    def _unknown(self, name: str) -> str:
        known = self.ids.slice(0, 2000).to_pylist()
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6) or known[:1]
        return f"no class for {name!r} in {self.where}" + (f" (it has {near[0]!r})" if near else ", which has no rows")


def names_of(file: InputFile) -> list[str]:
    """How a table may name a file: in full, without its folder, without its ending."""
    name = file.path.name
    for ending in KINDS:
        name = name.removesuffix(ending)
    return list(dict.fromkeys([file.name, file.path.name, name, name.rpartition(".")[0] or name]))


def table_of(file: InputFile, batches: list[SourceBatch]) -> ClassTable:
    """All entries of a table. Raises DataRefused for one that is not sound."""
    for batch in batches:
        if batch.rejects.num_rows:
            first = batch.rejects.slice(0, 1).to_pylist()[0]
            raise DataRefused(
                f"the label table cannot be read: {first['reasons'][0]}", where=f"{file.name}:{first['source_row']}",
                expected="an id and a class in each row", next_step="correct the row, or source.label_table",
            )  # fmt: skip
    entries = pa.concat_tables([batch.table for batch in batches]) if batches else None
    if entries is None:
        return ClassTable(file.name, pa.array([], pa.string()), pa.array([], pa.string()))
    pairs = entries.group_by(["id", "label"], use_threads=False).aggregate([])
    ids, classes = (pairs[name].combine_chunks() for name in ("id", "label"))
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        name = twice[0]["values"].as_py()
        both = classes.filter(pc.equal(ids, name)).to_pylist()[:3]
        raise DataRefused(
            f"{name!r} has the classes {', '.join(map(repr, both))}", where=file.name, expected="one class for each id",
            next_step="remove all but one of them; a sequence has one class",
        )  # fmt: skip
    return ClassTable(file.name, ids, classes)
