"""checked rows + splits -> encoded Parquet, one folder per split, and the encoder.

In: artefacts `checked` and `splits` (same rows, same order). Out: artefact `encoded`. Promise: the encoder and the
classes come from the training split only; every row of `checked` is in exactly one split or counted as left out;
memory does not grow with the rows. The rows are read twice: to fit and to encode; the manifest of `splits` has the
classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config import Pipeline
from seqcls.config.encode import TextEncode
from seqcls.encoders import Encoder, SequenceRefused, fit_encoder, save_encoder
from seqcls.errors import CheckBroken, DataRefused
from seqcls.splitting.split_names import LEFT_OUT, SplitNames
from seqcls.store.artefacts import ArtefactStore, Ref, read_meta
from seqcls.store.background import WriteBehind, prefetch
from seqcls.store.packing import BYTES, packed, stored_type
from seqcls.store.parquet import Codec, ShardWriter, iterate, rows_of, shards
from seqcls.store.records import CheckedMeta, EncodedMeta, SplitsMeta
from seqcls.table import SPLITS, EncodedCounts, Split

BYTES_PER_BATCH = 4 * 1024 * 1024
"""Of sequences: batches of long rows have fewer rows."""
SOURCE = ("source_file", "source_row")


def encode(checked: Ref, splits: Ref, pipeline: Pipeline, store: ArtefactStore) -> Ref:
    """Fit the encoder on the training split, encode every split."""
    meta, divided = read_meta(checked, CheckedMeta), read_meta(splits, SplitsMeta)
    rows = _SplitRows(checked.folder / "rows", splits.folder / "splits.parquet")
    encoder = replace(_fit(rows, pipeline, _classes(rows, divided)), layout=meta.layout)
    digests = {"checked": checked.digest, "splits": splits.digest}
    with store.write("encoded") as draft:
        books = _write_splits(rows, encoder, draft.folder, encoded_schema(encoder, digests))
        EncodedCounts(meta.accepted, books.rows.total(), rows.left_out).require_balance(checked.path)
        save_encoder(encoder, draft.folder)
        draft.inputs = digests
        draft.describe(books.describe(rows.left_out, encoder, meta.sources))
    return draft.ref


MANY_UNKNOWN = 0.5


def unit_hints(pipeline: Pipeline, meta: EncodedMeta) -> list[str]:
    """What to set where most words of the validation rows were not in training: scripts without blanks, as a rule."""
    share = meta.unknown_share.get("valid", 0.0)
    if not isinstance(pipeline.encode, TextEncode) or pipeline.encode.unit != "words" or share <= MANY_UNKNOWN:
        return []
    return [
        f'{share:.0%} of the words of the validation rows were not in training: encode.unit = "characters" reads '
        "scripts without blanks, such as Chinese or Thai"
    ]


def encoded_schema(encoder: Encoder, inputs: dict[str, str]) -> pa.Schema:
    """Columns of encoded Parquet; the file's metadata names the encoder and what was encoded."""
    kind = encoder.inputs.form
    value = pa.float32() if kind == "values" else (pa.uint8() if encoder.unit == "residues" else pa.int32())
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("label", pa.int32()),
            pa.field("sequence", stored_type(pa.list_(value)), nullable=False),
            pa.field("truncated", pa.bool_(), nullable=False),
            pa.field("unknown", pa.int32(), nullable=False),
        ],
        metadata={
            "seqcls.encoder": encoder.fingerprint,
            **{f"seqcls.{name}": digest for name, digest in inputs.items()},
        },
    )


def _encoded(encoder: Encoder, table: pa.Table) -> pa.Table:
    """Rows of the table contract -> id, label, sequence, truncated, unknown."""
    encoded = encoder.encode(table["sequence"])
    return pa.table(
        {
            "id": table["id"],
            "label": encoder.encode_labels(table["label"]),
            "sequence": encoded.sequence,
            "truncated": encoded.truncated,
            "unknown": encoded.unknown,
        }
    )


def _fit(rows: _SplitRows, pipeline: Pipeline, labels: list[str]) -> Encoder:
    try:
        return fit_encoder(pipeline.kind, pipeline.encode, lambda: rows.sequences("train"), labels)
    except SequenceRefused as refused:
        raise _at(refused, *rows.place(refused.row)) from None


def _write_splits(rows: _SplitRows, encoder: Encoder, folder: Path, schema: pa.Schema) -> _Books:
    books = _Books()
    codec: Codec = "none" if schema.field("sequence").type == BYTES else "lz4"
    with ExitStack() as stack:
        behind = stack.enter_context(WriteBehind())
        writers = {
            split: stack.enter_context(ShardWriter(folder / split, schema, behind=behind, sequences=codec))
            for split in SPLITS
        }
        for split, table in rows.tables(["id", "label", "sequence"]):
            try:
                encoded = _encoded(encoder, table)
            except SequenceRefused as refused:
                raise _at(refused, *rows.place(refused.row)) from None
            place = encoded.column_names.index("sequence")
            writers[split].write(encoded.set_column(place, "sequence", packed(encoded["sequence"])))
            books.add(split, encoded)
    return books


def _at(refused: SequenceRefused, file: str, row: int) -> DataRefused:
    where = f"{file}:{row}:sequence"
    return DataRefused(refused.found, where=where, expected=refused.expected, next_step=refused.next_step)


class _SplitRows:
    """The rows of `checked`, each batch with its split; `left_out` counts the last full pass."""

    def __init__(self, rows: Path, splits: Path) -> None:
        self.parts, self.splits = shards(rows), splits
        self.left_out = 0
        self._current = np.zeros(0, np.int64)  # the rows yielded last, for messages
        self._batch_rows = rows_of(self.parts, BYTES_PER_BATCH)

    def tables(self, columns: list[str]) -> Iterator[tuple[Split, pa.Table]]:
        """(split, its rows of one batch), batch after batch."""
        self.left_out = start = 0
        names = SplitNames(iterate([self.splits], ["split"], self._batch_rows), str(self.splits))
        for table in prefetch(iterate(self.parts, columns, self._batch_rows)):
            codes = names.take(table.num_rows)
            for code, name in enumerate(SPLITS):
                chosen = codes == code
                if chosen.any():
                    self._current = start + np.flatnonzero(chosen)
                    yield name, table if chosen.all() else table.filter(pa.array(chosen))
            self.left_out += int((codes == LEFT_OUT).sum())
            start += table.num_rows
        names.check_done()

    def sequences(self, wanted: Split) -> Iterator[pa.Array]:
        """Sequences of one split."""
        for split, table in self.tables(["sequence"]):
            if split == wanted:
                yield table["sequence"]

    def place(self, row: int) -> tuple[str, int]:
        """File and row of the rows yielded last; read only when a message needs them."""
        wanted = int(self._current[row])
        for table in iterate(self.parts, list(SOURCE)):
            if wanted < table.num_rows:
                file, number = (table[name][wanted].as_py() for name in SOURCE)
                return file, number
            wanted -= table.num_rows
        raise AssertionError("a row that was yielded is in the files")


class _Books:
    """The rows written, by split."""

    def __init__(self) -> None:
        self.rows, self.truncated, self.unknown, self.positions = (Counter[str]() for _ in range(4))

    def add(self, split: str, encoded: pa.Table) -> None:
        self.rows[split] += encoded.num_rows
        self.truncated[split] += pc.sum(encoded["truncated"]).as_py() or 0
        self.unknown[split] += pc.sum(encoded["unknown"]).as_py() or 0
        self.positions[split] += pc.sum(pc.list_value_length(encoded["sequence"])).as_py() or 0

    def describe(self, left_out: int, encoder: Encoder, sources: dict[str, str]) -> EncodedMeta:
        return EncodedMeta(
            rows={split: self.rows[split] for split in SPLITS},
            truncated={split: self.truncated[split] for split in SPLITS},
            unknown_share={split: self.unknown[split] / max(self.positions[split], 1) for split in SPLITS},
            left_out=left_out,
            labels=tuple(encoder.labels),
            encoder=encoder.fingerprint,
            sources=sources,
        )


def _classes(rows: _SplitRows, divided: SplitsMeta) -> list[str]:
    """The sorted classes of the training split; no other split may have more."""
    counts = divided.counts
    if sum(sum(of_split.values()) for of_split in counts.values()) + divided.dropped != divided.rows:
        _refuse_missing_label(rows)
    found = {split: {name for name, count in counts[split].items() if count} for split in SPLITS}
    _check_classes(found)
    return sorted(found["train"])


def _refuse_missing_label(rows: _SplitRows) -> NoReturn:
    """The error that names the first row of a split without a label."""
    for _, table in rows.tables(["label"]):
        labels = table["label"]
        if labels.null_count:
            file, row = rows.place(pc.index(pc.is_null(labels), True).as_py())
            raise DataRefused(
                "no label",
                where=f"{file}:{row}:label",
                expected="a class for each row to train on",
                next_step='set rules.missing_label = "reject", or add the label',
            )
    raise CheckBroken(
        "every row of a split has a label",
        where=str(rows.splits),
        expected="the number of rows that its manifest counts",
        next_step="run the split stage again; if that does not help, report a bug",
    )


def _check_classes(found: Mapping[Split, set[str]]) -> None:
    train = sorted(found["train"])
    for split in SPLITS[1:]:
        only = sorted(found[split] - found["train"])
        if only:
            raise DataRefused(
                f"class {', '.join(map(repr, only[:10]))} is in the {split} split, but not in the training split",
                where=f"{split} split",
                expected=f"classes among {', '.join(map(repr, train[:20]))}",
                next_step="give the training split rows of each class, or name the classes in rules.label_set",
            )
    if len(train) < 2:
        raise DataRefused(
            f"the training split has {len(train)} class{'es' * (len(train) != 1)}", where="train split",
            expected="at least 2 classes",
            next_step="check source.label, and the splits that `seqcls check` lists",
        )  # fmt: skip
