"""Sequences from memory or from the command line. In: sequences. Out: a `Prediction` each. Nothing is recorded.

Promise: each answer is the row that `seqcls score` would write of this sequence if no rule rejected it: made by the
same code, and without a label where its confidence is too small for one (scoring/abstaining.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from seqcls.engines.scorer import open_scorer
from seqcls.errors import DataRefused
from seqcls.ledger.models import ModelVersion
from seqcls.scoring.abstaining import least_confidence
from seqcls.scoring.beside_training import tally_of
from seqcls.scoring.score_table import score_rows
from seqcls.table import Kind, table_schema
from seqcls.workspace import Workspace

PLACE = "command line"
MISSING = frozenset({"", "?", "nan", "null"})


class Prediction(BaseModel):
    """The answer of a model for one sequence."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    label: str | None
    """The class; None where `confidence` is below `least_confidence`."""
    confidence: float
    """Probability of the most likely class."""
    least_confidence: float
    """The confidence that a label takes; 0 where `score.abstain_precision` is not set."""
    probabilities: dict[str, float]
    """By class; they add up to 1."""
    model: str
    """Name of the version, such as `ecg@v3`."""
    flags: list[str]
    """Such as `truncated`, `many_unknown` and `unlike_training`."""


def predict_sequences(
    workspace: Workspace, version: ModelVersion, sequences: Sequence[Any], where: str = "sequences"
) -> list[Prediction]:
    """Classify sequences in the form of the table (`as_column`); DataRefused names the first that has no answer."""
    count = len(sequences)
    rows = pa.table(
        {
            "id": [str(number) for number in range(1, count + 1)],
            "sequence": as_column(workspace.pipeline.kind, sequences, where),
            "source_file": [where] * count,
            "source_row": list(range(1, count + 1)),
        }
    )
    scorer, least = open_scorer(workspace, version, "torch"), least_confidence(workspace, version)
    scores, rejects = score_rows(rows, scorer, least, "", datetime.now(UTC), tally_of(workspace, version))
    if rejects.num_rows:
        raise DataRefused("the network gave no finite numbers for this sequence",
                          where=f"{version.name}, {where}: row {rejects['source_row'][0]}",
                          expected="finite logits", next_step="look for extreme values in it")  # fmt: skip
    return [
        Prediction(
            label=row["label"], confidence=row["confidence"], least_confidence=least,
            probabilities={name: row[f"p_{name}"] for name in scorer.labels}, model=version.name, flags=row["flags"],
        )
        for row in scores.to_pylist()
    ]  # fmt: skip


def predict_one(workspace: Workspace, version: ModelVersion, text: str) -> dict[str, Any]:
    """Classify one sequence written as text (see `parse_sequence`); `label` is None where the row abstains."""
    sequence = parse_sequence(workspace.pipeline.kind, text)
    [answer] = predict_sequences(workspace, version, [sequence], PLACE)
    return answer.model_dump()


def as_column(kind: Kind, sequences: Sequence[Any], where: str = "sequences") -> pa.Array:
    """Sequences as Python has them -> the column of the table.

    text, dna and protein: a string each; tokens: a list of strings each; series: (T,) numbers, or (C, T) for C
    channels, as lists or NumPy arrays, NaN or None for a missing value.
    """
    column_type = table_schema(kind).field("sequence").type
    found = []
    for number, sequence in enumerate(sequences, 1):
        try:
            if isinstance(sequence, str) and kind in ("series", "tokens"):  # Arrow would take its letters one by one
                raise TypeError("text")
            [item] = pa.array([_channels(sequence) if kind == "series" else sequence], column_type, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise _no_sequence(kind, sequence, f"{where}: row {number}") from error
        values = item.as_py()
        if not values or not values[0]:  # nothing, no letters, no channels, or no values
            raise _no_sequence(kind, sequence, f"{where}: row {number}")
        found.append(values)
    return pa.array(found, column_type)


def _channels(sequence: Any) -> list[Any]:
    """(T,) or (C, T) -> C lists."""
    outer = sequence.tolist() if hasattr(sequence, "tolist") else list(sequence)
    return outer if outer and hasattr(outer[0], "__len__") else [outer]


def _no_sequence(kind: Kind, found: object, where: str) -> DataRefused:
    expected = {
        "tokens": "a list of strings",
        "series": "numbers (T,), or channels of numbers (C, T); None or NaN where a value is missing",
    }.get(kind, "a string")
    text = repr(found)
    return DataRefused(f"{text[:60]}{'...' if len(text) > 60 else ''} is no {kind} sequence", where=where,
                       expected=expected, next_step="give the sequence in this form")  # fmt: skip


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
            next_step="fix this value",
        )
    return value
