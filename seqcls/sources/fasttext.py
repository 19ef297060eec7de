"""fasttext: `__label__CLASS text` per line, separated by blank or tab (fasttext.cc/docs/en/supervised-tutorial.html).

A line with several labels is rejected: the classes of this project exclude each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import read_lines
from seqcls.sources.reading import Reading, Records, add_problem
from seqcls.table import SourceBatch

_LINE = r"^[ \t]*(?:__label__(?P<label>[^ \t]+)[ \t]*)?(?P<sequence>(?s:.*))$"


def read_fasttext(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a fastText file."""
    for lines in read_lines(reading):
        texts = pa.array(lines.texts, pa.string())
        parts = pc.extract_regex(texts, _LINE)
        sequence = pc.struct_field(parts, "sequence")
        records = Records(
            pa.array(lines.rows, pa.int64()), [sequence], {"label": pc.struct_field(parts, "label")}, lines.rejects,
            raw=lines.texts.__getitem__,
        )  # fmt: skip
        _refuse_commas(reading, records.columns["label"])
        several = pc.starts_with(sequence, "__label__")
        for index in pc.indices_nonzero(several).to_pylist():
            add_problem(
                records.problems, index, "label", "label", "several labels on one line; expected one class a row"
            )
        yield assemble(reading, records)


def _refuse_commas(reading: Reading, labels: pa.Array) -> None:
    """A comma instead of the blank behind the label: the first words would become part of the class."""
    found = pc.unique(labels.drop_null())
    before = pc.unique(pc.list_element(pc.split_pattern(found, ","), 0)) if len(found) else found
    if pc.sum(pc.match_substring(found, ",")).as_py() == len(found) and len(before) < len(found):
        raise reading.refuse(
            f"no blank behind the labels, but a comma: __label__{found[0].as_py()}", row=1,
            expected="__label__CLASS, a blank, the text", next_step="put a blank behind each label",
        )  # fmt: skip
