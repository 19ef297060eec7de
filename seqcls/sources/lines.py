"""lines: one sequence per line; the class from the file's name, from a pattern, or from a parallel file of classes.

Lines end in LF or CR LF only: U+0085, U+2028 and form feeds are part of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import ConfigRefused
from seqcls.sources.assemble import assemble
from seqcls.sources.blocks import Lines, read_lines
from seqcls.sources.paths import label_file_of
from seqcls.sources.reading import Problems, Reading, Records, Role, add_problem, constant
from seqcls.table import SourceBatch


def read_text_lines(reading: Reading) -> Iterator[SourceBatch]:
    """Batches of a file of lines."""
    classes = _read_classes(reading) if reading.label_place == "labels" else None
    if reading.labelled and reading.label_place == "none":
        raise reading.refuse(
            "the class of a line is not defined", expected="source.labels, source.label_files or source.pattern",
            next_step='for one class per file write labels = { "*.pos" = "positive" }',
        )  # fmt: skip
    count = 0
    for lines in read_lines(reading):
        count += len(lines.rows) + len(lines.rejects)
        yield assemble(reading, _records(reading, lines, classes))
    if classes is not None and len(classes) != count:
        raise reading.refuse(
            f"{count} lines, but {len(classes)} in the label file", expected="one class per line",
            next_step="compare the ends of the two files",
        )  # fmt: skip


def _records(reading: Reading, lines: Lines, classes: list[str] | None) -> Records:
    texts = pa.array(lines.texts, pa.string())
    if reading.source.strip:
        texts = pc.utf8_trim(texts, " \t")
    records = Records(pa.array(lines.rows, pa.int64()), [texts], rejects=lines.rejects, raw=lines.texts.__getitem__)
    if reading.source.pattern:
        _match(reading, records, texts)
    if reading.label_place in ("file", "folder"):
        records.columns["label"] = constant(reading.file_label(), len(texts))
    elif classes is not None:
        # Lines beyond the last class are refused with both counts once the whole file is read.
        records.columns["label"] = pa.array(
            [classes[row - 1] if row <= len(classes) else None for row in lines.rows], pa.string()
        )
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
    return {role: pc.struct_field(found, role) for role in get_args(Role) if role in names}


def _read_classes(reading: Reading) -> list[str] | None:
    """One class per line; None for a file without a parallel file (new data)."""
    path = label_file_of(reading.source, reading.folder, reading.file.path)
    if path is None:
        if reading.labelled:
            raise reading.refuse(
                "no label file belongs to this file",
                expected="one in source.label_files",
                next_step="add it there",
            )
        return None
    text = path.read_bytes()
    try:
        lines = text.decode(reading.source.encoding).removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise reading.refuse(
            f"byte {error.start} of {path.name} is not {reading.source.encoding}", next_step="check source.encoding"
        ) from None
    return [line.removesuffix("\r").strip(" \t") for line in lines] if text else []
