"""How often rows like those of the training are flagged `unlike_training`, and rows of another kind.

For each real set: half of the rows make the reference, the other half are judged; then the same rows changed: series in
other units (times 1,000), text and letters of another kind. Run: `python -m benchmarks.unlike_training`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seqcls.config.source import SourceConfig
from seqcls.drift import Tally, make_reference, open_reference
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.parquet import ShardWriter, write_parquet
from seqcls.store.records import CheckedMeta, SplitsMeta
from seqcls.table import Kind, one_array, table_schema

DATA = Path(__file__).parents[2] / "shared" / "data"
Case = tuple[str, Kind, dict[str, Any]]


def artefacts(store: ArtefactStore, sequences: pa.Array, kind: Kind) -> tuple[Ref, Ref]:
    """`checked` and `splits` with all rows in the training split."""
    rows = len(sequences)
    schema = table_schema(kind)
    columns: dict[str, Any] = {
        "id": [str(row) for row in range(rows)], "sequence": sequences, "label": ["a"] * rows,
        "source_file": ["f"] * rows, "source_row": range(1, rows + 1),
    }  # fmt: skip
    table = pa.table(
        [pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type)
         for field in schema], schema=schema,
    )  # fmt: skip
    with store.write("checked") as draft, ShardWriter(draft.folder / "rows", schema, sequences="none") as writer:
        writer.write(table)
        draft.describe(CheckedMeta(rows_in=rows, accepted=rows, rejected=0, labels={"a": rows}, checks={}, sources={}))
    checked = draft.ref
    with store.write("splits") as draft:
        write_parquet(draft.folder / "splits.parquet", pa.table({"split": pa.array(["train"] * rows)}))
        draft.describe(SplitsMeta(rows=rows, given=True, counts={}, leakage={}, dropped=0, warnings=()))
    return checked, draft.ref


def shares(kind: Kind, sequences: pa.Array, changed: dict[str, pa.Array]) -> dict[str, Any]:
    """The share of flagged rows among those held out, and among the changed ones."""
    order = np.random.default_rng(0).permutation(len(sequences))
    half = len(order) // 2
    with tempfile.TemporaryDirectory() as folder:
        store = ArtefactStore(Path(folder))
        learned = sequences.take(pa.array(order[:half]))
        reference = open_reference(make_reference(*artefacts(store, learned, kind), kind, store))
    held, started = Tally(reference), time.perf_counter()
    held.add(sequences.take(pa.array(order[half:])))
    found: dict[str, Any] = {"rows": held.rows, "flagged": held.far, "said": held.sentence}
    found["seconds a million rows"] = round(1e6 * (time.perf_counter() - started) / max(held.rows, 1), 1)
    for name, column in changed.items():
        tally = Tally(reference)
        tally.add(column)
        found[name] = f"{tally.far} of {tally.rows}" + ("" if not tally.sentence else ", said")
    return found


def read_all(kind: Kind, options: dict[str, Any]) -> pa.Array:
    source = SourceConfig(**options)
    files = find_files(source, DATA)
    batches = [batch for file in files for batch in read_file(file, source, kind, labelled=False, folder=DATA)]
    return one_array(pa.concat_tables([batch.table for batch in batches])["sequence"]).drop_null()


def cases() -> Iterator[Case]:
    """The real sets, by the pipelines of the repository."""
    from seqcls.config import load_pipeline

    for path in sorted(Path("configs").rglob("*.toml")):
        loaded = load_pipeline(path)
        source = loaded.pipeline.source
        files = source.files or [*source.train, *source.valid, *source.test]
        if any("shared/data" in name for name in files):
            names = [str((loaded.folder / name).resolve()) for name in files]
            options = source.model_dump(exclude_unset=True, exclude={"files", "train", "valid", "test"})
            yield path.stem, loaded.pipeline.kind, options | {"files": names}


def main() -> int:
    wrong = 0
    for name, kind, options in cases():
        try:
            sequences = read_all(kind, options)
        except Exception as error:
            print(f"{name}: left out ({str(error)[:100]})")
            continue
        changed: dict[str, pa.Array] = {}
        if kind == "series":
            rows = sequences.slice(0, 500).to_pylist()
            scaled = [[[v and v * 1000 for v in channel] for channel in row] for row in rows]
            changed["times 1,000"] = pa.array(scaled, sequences.type)
            changed["every second value"] = pa.array(
                [[channel[::2] for channel in row] for row in rows], sequences.type
            )
        elif kind == "text":
            changed["Greek"] = pa.array(["".join(chr(0x3B1 + ord(c) % 24) if c.isalpha() else c for c in text)
                                         for text in sequences.slice(0, 500).to_pylist()])  # fmt: skip
        found = shares(kind, sequences, changed)
        wrong += found["flagged"]
        print(f"{name}: {found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
