"""Fields of structs (`data.text`) and lists of one value (`label[0]`) in Arrow columns, as `json_paths` does in JSON.

In: a schema and the names that the config asks for. Out: the paths among them, and their values. Promise: `[0]` never
picks one of several values; such a row is rejected.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.json_paths import ONLY, path_of
from seqcls.sources.reading import Reading


class Path(NamedTuple):
    """Where a value stands, and its type."""

    steps: list[str]
    type: pa.DataType


Paths = dict[str, Path]
Faults = dict[int, tuple[str, str]]
"""Position in a batch -> the name and the reason."""


def find_paths_in(reading: Reading, schema: pa.Schema) -> Paths:
    """The names that no column has, and that lead to a value within one."""
    source = reading.source
    learnt = [reading.column_label(), source.split] if reading.labelled else []
    asked = [*reading.sequence_columns, *learnt, source.id, source.time, source.group]
    found = {}
    for name in asked:
        steps = path_of(name) if name and name not in schema.names else None
        kind = _type_at(schema, steps) if steps else None
        if name and steps and kind is not None:
            found[name] = Path(steps, kind)
    return found


def _type_at(schema: pa.Schema, steps: list[str]) -> pa.DataType | None:
    if schema.get_field_index(steps[0]) < 0:
        return None
    kind = schema.field(steps[0]).type
    for step in steps[1:]:
        if step == ONLY and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
            kind = kind.value_type
        elif pa.types.is_struct(kind) and kind.get_field_index(step) >= 0:
            kind = kind.field(step).type
        else:
            return None
    return kind


def with_values(batch: pa.RecordBatch, paths: Paths) -> tuple[pa.RecordBatch, Faults]:
    """The batch with a column for each path."""
    faults: Faults = {}
    for name, path in paths.items():
        column = batch.column(path.steps[0])
        for step in path.steps[1:]:
            if step != ONLY:
                column = pc.struct_field(column, step)
                continue
            counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
            for at in np.flatnonzero(counts > 1).tolist():
                reason = f"{counts[at]} values {str(column[at].as_py())[:60]} where a list of one value is expected"
                faults.setdefault(at, (name, reason))
            single = pc.if_else(pa.array(counts == 1), column, pa.scalar(None, column.type))
            column = pc.list_element(pc.if_else(pc.is_valid(single), single, pa.scalar([None], column.type)), 0)
        batch = batch.append_column(name, column)
    return batch, faults
