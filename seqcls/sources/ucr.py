"""ucr: the UCR archive's layout, one series per line, the class first (Dau et al. 2018, arXiv:1810.07758).

Missing values at the end of a line are the archive's padding of unequal series and are cut off; those inside are kept
as missing. A class written as a whole float ("1.0000000e+00", in older files) becomes its integer text "1".
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Lines, read_lines
from seqcls.sources.numbers import Notation, join_channels, parse_cells, trim_right
from seqcls.sources.reading import Reading, Records, add_problem
from seqcls.table import SourceBatch

_WHOLE = r"^[+-]?\d+(\.0*)?([eE][+-]?\d{1,2})?$"


def read_ucr(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a UCR file; blank lines are skipped."""
    delimiter = reading.source.delimiter
    for lines in read_lines(reading, skip_blank=True):
        if delimiter is None:
            delimiter = next((letter for letter in "\t;, " if any(letter in text for text in lines.texts[:10])), "\t")
        yield assemble(reading, _records(lines, delimiter, reading.notation))


def _records(lines: Lines, delimiter: str, notation: Notation) -> Records:
    texts = pa.array(lines.texts, pa.string())
    if delimiter == " ":  # older files pad their columns with blanks
        texts = pc.ascii_trim_whitespace(texts)
    parts = pc.split_pattern(texts, delimiter, max_splits=1)
    is_short = pc.less(pc.list_value_length(parts), 2)
    padded = pc.if_else(is_short, pc.binary_join_element_wise(texts, "", delimiter), texts)
    parts = pc.split_pattern(padded, delimiter, max_splits=1)
    labels, cells = pc.list_element(parts, 0), pc.list_element(parts, 1)
    values, faults = parse_cells(cells, delimiter, notation)
    series, _ = join_channels([trim_right(values)], ["value"])
    records = Records(
        pa.array(lines.rows, pa.int64()), [series], {"label": integer_text(pc.utf8_trim(labels, " "))}, lines.rejects,
        raw=lines.texts.__getitem__,
    )  # fmt: skip
    for index in pc.indices_nonzero(is_short).to_pylist():
        add_problem(
            records.problems, index, "", "fields", f"one field; expected a class and values separated by {delimiter!r}"
        )
    for index, reason in faults.items():
        add_problem(records.problems, index, "value", "number", reason)
    return records


def integer_text(labels: pa.Array) -> pa.Array:
    """'1.0' -> '1'; anything else unchanged."""
    whole = pc.fill_null(pc.match_substring_regex(labels, _WHOLE), False)
    plain = pc.fill_null(pc.match_substring_regex(labels, r"^-?\d+$"), True)
    change = pc.and_(whole, pc.invert(plain))
    if not pc.any(change).as_py():
        return labels
    return pa.array(
        [
            str(int(float(text))) if is_whole and float(text).is_integer() else text
            for text, is_whole in zip(labels.to_pylist(), change.to_pylist(), strict=True)
        ],
        pa.string(),
    )
