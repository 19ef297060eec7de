"""One sequence from the command line. In: its text form. Out: label, probabilities, flags. Nothing is recorded."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from seqcls.errors import DataRefused
from seqcls.ledger.models import ModelVersion
from seqcls.scorer import open_scorer
from seqcls.table import Kind, table_schema
from seqcls.workspace import Workspace

MISSING = frozenset({"", "?", "nan", "null"})


def predict_one(workspace: Workspace, version: ModelVersion, text: str) -> dict[str, Any]:
    """Classify one sequence written as text (see `parse_sequence`)."""
    import numpy as np

    kind = workspace.pipeline.kind
    sequence = pa.array([parse_sequence(kind, text)], table_schema(kind).field("sequence").type)
    scorer = open_scorer(workspace, version, "torch")
    probabilities, flags = scorer.score(pa.table({"id": ["1"], "sequence": sequence}))
    if not np.isfinite(probabilities).all():
        raise DataRefused("the network gave no finite numbers for this sequence", where=version.name,
                          expected="finite logits", next_step="look for extreme values in it")  # fmt: skip
    best = int(probabilities[0].argmax())
    return {
        "label": scorer.labels[best],
        "confidence": float(probabilities[0, best]),
        "probabilities": {name: float(p) for name, p in zip(scorer.labels, probabilities[0], strict=True)},
        "model": version.name,
        "flags": flags[0],
    }


def parse_sequence(kind: Kind, text: str) -> object:
    """text, letters as they are; tokens by blanks; series as numbers by commas or blanks, channels by semicolons."""
    text = text.strip()
    if not text:
        raise DataRefused("the sequence is empty", where="command line", expected=f"a {kind} sequence",
                          next_step="give it behind the config, in quotes")  # fmt: skip
    if kind == "tokens":
        return text.split()
    if kind != "series":
        return text
    channels = [
        [_number(field, position) for position, field in enumerate(part.replace(",", " ").split(), 1)]
        for part in text.split(";")
    ]
    if len({len(channel) for channel in channels}) != 1:
        raise DataRefused(
            f"channels of {', '.join(str(len(c)) for c in channels)} values",
            where="command line",
            expected="channels of one length",
            next_step="write ? where a channel has no value",
        )
    return channels


def _number(field: str, position: int) -> float | None:
    if field.lower() in MISSING:
        return None
    try:
        value = float(field) if field.isascii() else math.inf
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise DataRefused(
            f"{field[:40]!r} is not a finite number",
            where=f"command line: value {position}",
            expected="numbers such as 0.5, or ? for missing",
            next_step="mend this value",
        )
    return value
