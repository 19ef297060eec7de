"""One sequence from the command line. In: its text form. Out: label, probabilities, flags. Nothing is recorded.

Promise: the answer is the row that `seqcls score` would write of this sequence if no rule rejected it: made by the same
code, and without a label where its confidence is too small for one (scoring/abstaining.py).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from seqcls.errors import DataRefused
from seqcls.ledger.models import ModelVersion
from seqcls.scorer import open_scorer
from seqcls.scoring.abstaining import least_confidence
from seqcls.scoring.score_table import score_rows
from seqcls.table import Kind, table_schema
from seqcls.workspace import Workspace

PLACE = "command line"
MISSING = frozenset({"", "?", "nan", "null"})


def predict_one(workspace: Workspace, version: ModelVersion, text: str) -> dict[str, Any]:
    """Classify one sequence written as text (see `parse_sequence`); `label` is None where the row abstains."""
    kind = workspace.pipeline.kind
    sequence = pa.array([parse_sequence(kind, text)], table_schema(kind).field("sequence").type)
    rows = pa.table({"id": ["1"], "sequence": sequence, "source_file": [PLACE], "source_row": [1]})
    scorer, least = open_scorer(workspace, version, "torch"), least_confidence(workspace, version)
    scores, rejects = score_rows(rows, scorer, least, "", datetime.now(UTC))
    if rejects.num_rows:
        raise DataRefused("the network gave no finite numbers for this sequence", where=version.name,
                          expected="finite logits", next_step="look for extreme values in it")  # fmt: skip
    [row] = scores.to_pylist()
    return {
        "label": row["label"],
        "confidence": row["confidence"],
        "least_confidence": least,
        "probabilities": {name: row[f"p_{name}"] for name in scorer.labels},
        "model": version.name,
        "flags": row["flags"],
    }


def parse_sequence(kind: Kind, text: str) -> object:
    """text, letters as they are; tokens by blanks; series as numbers by commas or blanks, channels by semicolons."""
    text = text.strip()
    if not text:
        raise DataRefused("the sequence is empty", where=PLACE, expected=f"a {kind} sequence",
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
            where=PLACE,
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
            where=f"{PLACE}: value {position}",
            expected="numbers such as 0.5, or ? for missing",
            next_step="mend this value",
        )
    return value
