"""Broken rules -> rejects: one entry per rejected row, with every reason.

In: a batch, its profile, the masks. Out: a table of the schema `table.REJECTS`. Promise: the order of rows is kept; the
three lists of a row are parallel and follow the order of the rules.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.table import RAW_LIMIT, REJECTS, one_array
from seqcls.validation.profile import Profile
from seqcls.validation.rules import Rule

Mask = npt.NDArray[np.bool_]


def rejected_rows(batch: pa.Table, profile: Profile, broken: Sequence[tuple[Rule, Mask]], bad: Mask) -> pa.Table:
    """The rows of a batch that are `bad`, each with all the rules of `broken` that it breaks."""
    places = [np.flatnonzero(mask) for _, mask in broken]
    reasons = [rule.reasons(profile, rows) for (rule, _), rows in zip(broken, places, strict=True)]
    row = np.concatenate(places)
    order = np.argsort(row, kind="stable")
    which = np.repeat(np.arange(len(broken)), [len(rows) for rows in places])[order]
    offsets = pa.array(np.searchsorted(row[order], np.append(np.flatnonzero(bad), batch.num_rows)), pa.int32())
    columns = pa.array([rule.column for rule, _ in broken]).take(pa.array(which))
    names = pa.array([rule.name for rule, _ in broken]).take(pa.array(which))
    sentences = pa.concat_arrays(reasons).take(pa.array(order))
    rejected = batch.filter(pa.array(bad))
    lists = [pa.ListArray.from_arrays(offsets, values) for values in (columns, names, sentences)]
    return pa.table(
        [rejected["source_file"], rejected["source_row"], rejected["id"], *lists, _raw(rejected["sequence"])],
        schema=REJECTS,
    )


def _raw(sequence: pa.ChunkedArray) -> pa.Array:
    """The sequence up to the limit; series and tokens as JSON."""
    if pa.types.is_string(sequence.type):
        return pc.utf8_slice_codeunits(one_array(sequence), 0, RAW_LIMIT)
    texts = [
        None if value is None else json.dumps(value, ensure_ascii=False)[:RAW_LIMIT] for value in sequence.to_pylist()
    ]
    return pa.array(texts, pa.string())
