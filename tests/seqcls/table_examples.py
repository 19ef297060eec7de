"""Tables written by hand, as the artefacts that validate and split take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.config import Pipeline, parse_pipeline
from seqcls.store import parquet
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.table import REJECTS, SPLITS, Kind, reject, rejects_table, table_schema

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def real_data(name: str) -> Path:
    """A file of the real data, or a skip."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}")
    return path


def make_pipeline(kind: Kind, **sections: Any) -> Pipeline:
    """A pipeline with the given sections over the defaults."""
    source: dict[str, Any] = {"format": "csv", "files": ["rows.csv"]}
    if kind == "series":
        source = {"format": "ucr", "files": ["rows.tsv"]}
    source |= sections.pop("source", {})
    data = {"name": "example", "kind": kind, "source": source, "model": {"family": "cnn"}, **sections}
    return parse_pipeline(data, "example.toml")


def make_rows(kind: Kind, sequences: list[Any], labels: list[Any] | None = None, **columns: list[Any]) -> pa.Table:
    """Rows of the table; ids are r1, r2, ... and rows 1, 2, ... of rows.csv unless given."""
    count = len(sequences)
    filled: dict[str, list[Any]] = {
        "id": [f"r{number}" for number in range(1, count + 1)],
        "sequence": sequences,
        "label": labels if labels is not None else ["a" if number % 2 else "b" for number in range(count)],
        "time": [None] * count,
        "group": [None] * count,
        "split": [None] * count,
        "source_file": ["rows.csv"] * count,
        "source_row": list(range(1, count + 1)),
    }
    schema = table_schema(kind)
    values = filled | columns
    return pa.table([pa.array(values[field.name], field.type) for field in schema], schema=schema)


def write_table(store: ArtefactStore, kind: Kind, rows: pa.Table, source_rejects: int = 0, name: str = "table") -> Ref:
    """An artefact `table` (or `checked`) of these rows, plus rejects that the source made."""
    own = [reject("bad.csv", row, "sequence", "encoding", "not UTF-8") for row in range(1, source_rejects + 1)]
    with store.write(name) as (draft, done):
        with parquet.ShardWriter(draft.folder / "rows", table_schema(kind)) as writer:
            for part in halves(rows):
                writer.write(part)
        parquet.write_parquet(draft.folder / "rejects.parquet", rejects_table(own) if own else REJECTS.empty_table())
        draft.meta |= {
            "rows_in": rows.num_rows + source_rejects,
            "accepted": rows.num_rows,
            "rejected": source_rejects,
            "files": [],
        }
    return done[0]


def write_splits(store: ArtefactStore, splits: Sequence[str | None], labels: Sequence[str | None], **meta: Any) -> Ref:
    """An artefact `splits` of rows with these labels; its manifest counts them as the stage does."""
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    for split, label in zip(splits, labels, strict=True):
        if split in counts and label is not None:
            counts[split][label] = counts[split].get(label, 0) + 1
    with store.write("splits") as (draft, done):
        column = pa.array(splits, pa.string()).dictionary_encode()
        parquet.write_parquet(draft.folder / "splits.parquet", pa.table({"split": column}))
        draft.meta |= {"rows": len(splits), "dropped": column.null_count, "counts": counts, **meta}
    return done[0]


def codec_of(path: Path, column: str) -> str:
    """How a file packs the values of a column, lists or not."""
    group = pq.read_metadata(path).row_group(0)
    leaves = [group.column(number) for number in range(group.num_columns)]
    (codec,) = {leaf.compression for leaf in leaves if leaf.path_in_schema.split(".")[0] == column}
    return str(codec)


def halves(rows: pa.Table) -> Iterable[pa.Table]:
    """Two slices, so that offsets that do not begin at zero are met."""
    middle = rows.num_rows // 2
    return rows.slice(0, middle), rows.slice(middle)
