"""[[promote.behaviour]]: changes to the test rows that must not change the answers.

In: a scorer's answers, test rows. Out: a `Check` for each change: the share of rows whose class stays the same. After
the invariance tests of Ribeiro and others, "Beyond accuracy: behavioral testing of NLP models with CheckList", 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from seqcls.config.promote import Behaviour
from seqcls.store.records import Check
from seqcls.table import Kind

Answer = Callable[[pa.Table], list[str]]
"""Rows -> the predicted class of each."""
MOST_ROWS = 2_000
"""Test rows that are changed and scored again; the first ones."""
NOISE = 0.01
"""Of the standard deviation of each channel."""
PADDING = {"text": "  ", "dna": "NNNN", "protein": "XXXX"}
_PAIRS = "ACGTURYKMBVDH", "TGCAAYRMKVBHD"
COMPLEMENT = str.maketrans("".join(_PAIRS[0] + _PAIRS[0].lower()), "".join(_PAIRS[1] + _PAIRS[1].lower()))


def behaviour_checks(wanted: list[Behaviour], kind: Kind, rows: pa.Table, answer: Answer) -> list[Check]:
    """One check a change, on at most MOST_ROWS rows."""
    if not wanted:
        return []
    rows = rows.slice(0, MOST_ROWS)
    before = answer(rows)
    checks = []
    for item in wanted:
        after = answer(_changed(rows, item.change, kind))
        same = sum(a == b for a, b in zip(before, after, strict=True))
        checks.append(
            Check(
                rule=f"answers stay the same after {item.change}, {len(before)} test rows",
                passed=same >= item.at_least * len(before),
                found=f"{same / len(before):.4f}",
                expected=f"at least {item.at_least:.4f}",
            )
        )
    return checks


def _changed(rows: pa.Table, change: str, kind: Kind) -> pa.Table:
    column = rows["sequence"]
    values = [_change(value, change, kind, row) for row, value in enumerate(column.to_pylist())]
    place = rows.schema.get_field_index("sequence")
    return rows.set_column(place, "sequence", pa.chunked_array([pa.array(values, column.type)]))


def _change(value: Any, change: str, kind: Kind, row: int) -> Any:
    if kind == "series":
        return [_change_channel(np.array(channel, np.float64), change, row) for channel in value]
    if change == "padding":
        return PADDING[kind] + value + PADDING[kind]
    if change == "case":
        return value.upper() if kind == "text" else value.lower()
    if change == "strand":
        return value.translate(COMPLEMENT)[::-1]
    return value[1:] if len(value) > 1 else value  # shift


def _change_channel(channel: np.ndarray, change: str, row: int) -> np.ndarray:
    """`channel` (T,) with NaN where a value is missing."""
    if change == "shift":
        return channel[1:] if len(channel) > 1 else channel
    known = channel[~np.isnan(channel)]
    spread = NOISE * known.std() if len(known) else 0.0
    return channel + np.random.default_rng(row).normal(0.0, spread, len(channel))
