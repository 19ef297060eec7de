"""Small encoded artefacts and input specs, made by hand, for the tests of batches, models and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from seqcls.encoders.spec import InputSpec
from seqcls.store.artefacts import ArtefactStore, Ref, write_json
from seqcls.store.parquet import write_parquet

COMPOSITION = ((0.0, 0.0, 0.0, 0.0), *np.eye(4).tolist(), (0.5, 0.0, 0.5, 0.0))  # padding, A, C, G, T, R
SPECS = {
    "tokens": InputSpec(form="tokens", max_length=13, vocabulary=9),
    "composition": InputSpec(form="tokens", max_length=13, vocabulary=6, composition=COMPOSITION),
    "values": InputSpec(form="values", max_length=13, channels=1),
    "missing": InputSpec(form="values", max_length=13, channels=3, missing=True),
}


def encoded_table(sequences: list[list[float]], labels: list[int | None], spec: InputSpec) -> pa.Table:
    """Rows of the encoded Parquet."""
    value_type = pa.int32() if spec.form == "tokens" else pa.float32()
    count = len(sequences)
    return pa.table(
        {
            "id": pa.array([f"row-{i}" for i in range(count)]),
            "label": pa.array(labels, pa.int32()),
            "sequence": pa.array(sequences, pa.list_(value_type)),
            "truncated": pa.array([False] * count),
            "unknown": pa.array([0] * count, pa.int32()),
        }
    )


def random_table(spec: InputSpec, rows: int, classes: int, seed: int, shortest: int = 1) -> pa.Table:
    """Random sequences of unequal lengths whose class can be told: by the first token, or by the level."""
    random = np.random.default_rng(seed)
    sequences, labels = [], []
    for row in range(rows):
        label = row % classes
        length = int(random.integers(shortest, spec.max_length + 1))
        if spec.form == "tokens":
            sequence = random.integers(1, spec.vocabulary, length)
            sequence[:1] = 1 + label
        else:
            sequence = random.normal(label, 0.3, length * spec.channels)
            if spec.missing:
                sequence[random.random(len(sequence)) < 0.2] = np.nan
        sequences.append(sequence.tolist())
        labels.append(label)
    return encoded_table(sequences, labels, spec)


def write_encoded(store: Path, spec: InputSpec, splits: dict[str, pa.Table], labels: list[str], shard: int = 50) -> Ref:
    """An `encoded` artefact, in several files, so that readers meet several chunks."""
    with ArtefactStore(store).write("encoded") as draft:
        for name, table in splits.items():
            (draft.folder / name).mkdir()
            for number, start in enumerate(range(0, max(len(table), 1), shard)):
                write_parquet(draft.folder / name / f"part-{number:05d}.parquet", table.slice(start, shard))
        write_json(draft.folder / "encoder.json", {"labels": labels, "inputs": spec.model_dump(mode="json")})
    return draft.ref
