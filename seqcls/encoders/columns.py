"""A column of sequences in the form that encoders expect: one array, the table's type, no nulls.

In: a column of the table. Out: one Arrow array. Promise: a row without a sequence raises an error that names the row.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import DataRefused
from seqcls.table import Kind, one_array, table_schema


class SequenceRefused(DataRefused):
    """A sequence that cannot be encoded; `row` counts from 0 within the batch, so that callers can name the file."""

    def __init__(self, found: str, *, row: int, expected: str) -> None:
        super().__init__(
            found,
            where=f"row {row + 1} of the batch",
            expected=expected,
            next_step="fix the row, or let [rules] reject it",
        )
        self.row = row


def checked_sequences(kind: Kind, sequences: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in the type of the table; raises for a row without a sequence."""
    array = one_array(sequences).cast(table_schema(kind).field("sequence").type)
    if array.null_count:
        raise SequenceRefused(
            "no sequence", row=pc.index(pc.is_null(array), True).as_py(), expected=f"a {kind} sequence"
        )
    return array
