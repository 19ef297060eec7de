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
from seqcls.store.records import CheckedMeta, SplitsMeta, TableMeta
from seqcls.table import REJECTS, SPLITS, Kind, reject, rejects_table, table_schema

SHARED = Path(__file__).parents[2].parent / "shared" / "data"

SOURCES = {"a.csv": "0a"}


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
    with store.write(name) as draft:
        with parquet.ShardWriter(draft.folder / "rows", table_schema(kind)) as writer:
            for part in halves(rows):
                writer.write(part)
        parquet.write_parquet(draft.folder / "rejects.parquet", rejects_table(own) if own else REJECTS.empty_table())
        counts = {"rows_in": rows.num_rows + source_rejects, "accepted": rows.num_rows, "rejected": source_rejects}
        if name == "checked":
            draft.describe(CheckedMeta(**counts, labels={}, checks={}, sources={}))
        else:
            draft.describe(TableMeta(**counts, kind=kind, labelled=True, files=(), rejects_by_rule={}))
    return draft.ref


def checked_meta(accepted: int, **more: Any) -> CheckedMeta:
    """Of a `checked` artefact from which nothing was rejected."""
    return CheckedMeta(rows_in=accepted, accepted=accepted, rejected=0, labels={}, checks={}, sources=SOURCES, **more)


def write_splits(store: ArtefactStore, splits: Sequence[str | None], labels: Sequence[str | None], **meta: Any) -> Ref:
    """An artefact `splits` of rows with these labels; its manifest counts them as the stage does."""
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    for split, label in zip(splits, labels, strict=True):
        if split in counts and label is not None:
            counts[split][label] = counts[split].get(label, 0) + 1
    with store.write("splits") as draft:
        column = pa.array(splits, pa.string()).dictionary_encode()
        parquet.write_parquet(draft.folder / "splits.parquet", pa.table({"split": column}))
        found = {"rows": len(splits), "dropped": column.null_count, "counts": counts}
        draft.describe(SplitsMeta(**{"given": False, "leakage": {}, "warnings": ()} | found | meta))
    return draft.ref


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
