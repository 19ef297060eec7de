"""lines: one sequence per line; the class from the file's name, from a pattern, or from a parallel file of classes.

Lines end in LF or CR LF only: U+0085, U+2028 and form feeds are part of the text.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import ConfigRefused
from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Lines, read_lines
from seqcls.sources.reading import ROLES, Problems, Reading, Records, Role, add_problem
from seqcls.table import SourceBatch


def read_text_lines(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a file of lines."""
    if reading.labelled and reading.label_place == "none":
        raise reading.refuse(
            "the class of a line is not defined", expected="source.labels, source.label_files or source.pattern",
            next_step='for one class per file write labels = { "*.pos" = "positive" }',
        )  # fmt: skip
    for lines in read_lines(reading):
        yield assemble(reading, _records(reading, lines))


def _records(reading: Reading, lines: Lines) -> Records:
    texts = pa.array(lines.texts, pa.string())
    if reading.source.strip:
        texts = pc.utf8_trim(texts, " \t")
    records = Records(pa.array(lines.rows, pa.int64()), [texts], rejects=lines.rejects, raw=lines.texts.__getitem__)
    if reading.source.pattern:
        _match(reading, records, texts)
    return records


def _match(reading: Reading, records: Records, texts: pa.Array) -> None:
    """Fill the columns that the pattern names; a line that does not match is rejected."""
    pattern = reading.source.pattern
    assert pattern is not None
    found = extract(pattern, texts, "source.pattern")
    names = [field.name for field in found.type]
    problems: Problems = {}
    for index in pc.indices_nonzero(pc.is_null(found)).to_pylist():
        add_problem(problems, index, "", "pattern", f"the line does not match source.pattern {pattern!r}")
    records.problems = problems
    records.columns |= columns_of(found)
    if "sequence" not in names:
        raise ConfigRefused(
            "the pattern has no group (?P<sequence>...)",
            where="source.pattern",
            expected="one",
            next_step="name the part that is the sequence",
        )
    records.sequence = [pc.struct_field(found, "sequence")]


def extract(pattern: str, texts: pa.Array, key: str) -> pa.Array:
    """Named groups of an RE2 pattern as a struct, null where it does not match."""
    try:
        return pc.extract_regex(texts, pattern)
    except pa.ArrowInvalid as error:
        raise ConfigRefused(
            f"not a valid pattern: {error}",
            where=key,
            expected="RE2 with named groups such as (?P<label>...)",
            next_step="fix the pattern",
        ) from None


def columns_of(found: pa.Array) -> dict[Role, pa.Array]:
    """The groups of a pattern that name a role."""
    names = [field.name for field in found.type]
    return {role: pc.struct_field(found, role) for role in ROLES if role in names}
