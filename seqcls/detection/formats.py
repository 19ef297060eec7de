"""Which format the files are in, by their first lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from seqcls.detection.arrays import find_arrays, rows_of
from seqcls.detection.columns import describe, lengths
from seqcls.detection.found import Found
from seqcls.detection.heads import Head
from seqcls.detection.json_records import annotation_tool, columns_of, records_of
from seqcls.detection.roles import give_roles
from seqcls.detection.tables import Table, find_table
from seqcls.errors import DataRefused
from seqcls.sources.packed import KINDS

MOST_ROWS = 1000
_SEP = re.compile(r"sep=.\s*")
_ATTRIBUTE = re.compile(r"^@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+\{", re.I)
_NAME = re.compile(r"^@attribute\s+(id|name|\w+_id)\s", re.I)
_SPLIT_WORDS = frozenset({"train", "training", "tr", "test", "te", "valid", "val", "dev", "eval"})
_CLASS_BLANK = re.compile(r"^(\S{1,40})[ \t]+(\S.*)$")


def detect_format(found: Found, heads: list[Head]) -> None:
    """Set `format` and whatever that format needs."""
    first = heads[0]
    if first.binary == "numpy":
        return find_arrays(found, first.path)
    if first.binary:
        return _columnar(found, [head.path for head in heads if head.binary == first.binary], first.binary)
    if first.encoding != "utf-8":
        found.set("encoding", first.encoding, first.why)
    lines = first.lines
    if not lines:
        raise DataRefused("no rows: only blank lines", where=str(first.path), next_step="name another file")
    if said := _SEP.fullmatch(lines[0]):
        found.set("skip_lines", 1, f"the first line {said[0]!r} tells Excel the delimiter")
        first = replace(first, text=first.text.partition("\n")[2])
        heads, lines = [first, *heads[1:]], first.lines
    start = lines[0].lstrip()
    if start.startswith((">", ";", "#")) and any(line.startswith(">") for line in lines[:50]):
        return _fasta(found, heads, "fasta", [line[1:] for head in heads for line in head.lines if line[0] == ">"])
    if start.startswith("@") and len(lines) > 2 and lines[2].startswith("+"):
        return _fasta(found, heads, "fastq", [line[1:] for head in heads for line in head.lines[::4]])
    lowered = [line.lstrip().lower() for line in lines]
    if any(line.startswith("@relation") for line in lowered):
        return _arff(found, lines)
    if any(line.startswith("@data") for line in lowered) or start.lower().startswith("@problemname"):
        return _only(found, "ts", "series", "the file has a @data section")
    if start.startswith("__label__"):
        return _only(found, "fasttext", "text", "lines begin with __label__")
    if start.startswith(("{", "[")) and _json(found, heads):
        return None
    folders = Counter(path.parent for path in found.paths)
    apart = len(folders) > 1 and all(count > 1 for count in folders.values())
    table = None if first.path.suffix in (".txt", ".eml", "") and apart else find_table(first)
    if table is not None and apart and table.is_recording:
        return _recording(found, table, [path.parent for path in found.paths])
    if table is not None:
        return table.into(found, heads)
    if apart:
        names = ", ".join(sorted(folder.name for folder in folders)[:10])
        return _only(found, "folder", "text", f"{len(found.paths)} text files; the class is the folder: {names}")
    _lines(found, heads)


def _recording(found: Found, table: Table, folders: list[Path]) -> None:
    """Tables of numbers in several folders: each file is a series, its folder the class."""
    _only(found, "recording", "series", f"{len(folders)} tables of numbers in several folders: one series a file")
    if table.delimiter != ",":
        found.set("delimiter", table.delimiter, f"{table.width} fields a record")
    names = ", ".join(sorted({folder.name for folder in folders})[:10])
    found.set("label_from", "folder", f"the class is the folder: {names}")


def _only(found: Found, name: str, kind: str, why: str) -> None:
    found.set("format", name, why)
    found.kind = kind  # type: ignore[assignment]


def _fasta(found: Found, heads: list[Head], name: str, titles: list[str]) -> None:
    letters = "".join(_residues(head, name) for head in heads)[:100_000]
    nucleic = sum(letters.upper().count(letter) for letter in "ACGTUN") / max(len(letters), 1)
    _only(found, name, "dna" if nucleic > 0.9 else "protein", f"records begin with {'>' if name == 'fasta' else '@'}")
    found.grounds["kind"] = f"found: {nucleic:.0%} of the letters are A, C, G, T, U or N"
    if name == "fasta":
        sizes = [len("".join(part.split("\n")[1:]).strip()) for part in heads[0].text.split(">")[1:]]
        lengths(found, sizes)
    pattern = _header_pattern(titles[:MOST_ROWS])
    if len(found.paths) > 1 and (pattern is None or "=" not in pattern):
        pattern = None
    if pattern is not None:
        classes = Counter(match[1] for title in titles if (match := re.search(pattern, title)))
        found.set("label_pattern", pattern.replace("(", "(?P<label>", 1), describe(classes))
    elif len(found.paths) > 1:
        _class_by_file(found)
    else:
        found.ask("label_pattern", "class=(?P<label>[^ ]+)", f"where is the class in a header such as {titles[0]!r}?")


def _residues(head: Head, name: str) -> str:
    if name == "fastq":
        return "".join(head.lines[1::4])
    return "".join(line.strip() for line in head.lines if line[0] not in ">;#")


def _header_pattern(titles: list[str]) -> str | None:
    """The part of a header that takes few values: after `key=`, or between bars, blanks or at the end."""
    keys = Counter(key for title in titles for key in re.findall(r"(\w+)[=:]", title))
    likely = ("class", "label", "type", "target", "category", "group", "location")
    named = sorted((key for key in keys if keys[key] > 0.8 * len(titles)), key=lambda key: key.lower() not in likely)
    candidates = [rf"{key}[=:]([^ |;,\t]+)" for key in named]
    candidates += [r"\|([^| ]+)$", r"^[^|]*\|([^| ]+)", r"^[^|]*\|[^|]*\|([^| ]+)", r" ([^ ]+)$", r"_([A-Za-z]+)$",
                   r"^\S+\s+(\S+)", r"^([A-Za-z]+)[_-]?\d"]  # fmt: skip
    for pattern in candidates:
        values = [match[1] for title in titles if (match := re.search(pattern, title))]
        counts = Counter(values)
        few = 2 <= len(counts) <= max(2, min(30, len(titles) // 4))
        if few and len(values) > 0.9 * len(titles) and min(counts.values()) > 1:
            return pattern
    return None


def _class_by_file(found: Found) -> None:
    """One class per file: the part of the names that differs, without the split and numbers."""
    names = {path.name: _without_split(path) for path in found.paths}
    shown = ", ".join(f"{name} -> {label}" for name, label in list(names.items())[:6])
    if len(set(names.values())) < 2:
        return found.ask("labels", {path.name: "?" for path in found.paths[:20]}, "the class of each file")
    found.set("labels", names, f"one class for each file, by its name: {shown}")


def _without_split(path: Path) -> str:
    stem = path.stem if path.suffix in KINDS else path.name
    stem, _, ending = stem.rpartition(".")
    if ending in ("pos", "neg"):
        return ending
    parts = [part for part in re.split(r"[._-]", stem) if part.lower() not in _SPLIT_WORDS and not part.isdigit()]
    return "_".join(parts) or stem


def _arff(found: Found, lines: list[str]) -> None:
    _only(found, "arff", "series", "the file has a @relation line")
    names = [match[1] for line in lines if (match := _NAME.match(line.strip()))]
    if names:
        found.set("id", names[0], "an attribute that names the rows")
    nominal = [match[1].strip("'\"") for line in lines if (match := _ATTRIBUTE.match(line.strip()))]
    if len(nominal) == 1:
        found.set("label", nominal[0], "the only attribute with a list of values")


def _json(found: Found, heads: list[Head]) -> bool:
    records, how = records_of(heads)
    if not records:
        return False
    if not annotation_tool(found, records):
        found.set("format", "jsonl", how)
        give_roles(found, columns_of(records))
    return True


def _columnar(found: Found, paths: list[Path], form: str) -> None:
    records = [record for path in paths for record in rows_of(path, form)]
    if not records:
        raise DataRefused("no rows", where=str(paths[0]), next_step="name a file with rows")
    found.set("format", form, f"the file is {form.capitalize()}")
    give_roles(found, columns_of(records))


def _lines(found: Found, heads: list[Head]) -> None:
    """No table: one text a line."""
    _only(found, "lines", "text", "one text a line; no separator divides every line alike")
    lengths(found, [len(line.split()) for line in heads[0].lines])
    for head in heads:
        if head.encoding != "utf-8":
            found.set("encoding", head.encoding, head.why)
    starts = [match[1] for line in heads[0].lines if (match := _CLASS_BLANK.match(line))]
    counts = Counter(starts)
    if len(starts) == len(heads[0].lines) and 2 <= len(counts) <= max(2, min(60, len(starts) // 8)):
        found.set("pattern", r"^(?P<label>\S+)[ \t]+(?P<sequence>.*)$", f"the first word: {describe(counts)}")
        return found.set("label_from", "pattern", "the first word of a line is one of few")
    if _parallel(found):
        return None
    if len(found.paths) > 1:
        return _class_by_file(found)
    return found.ask("labels", {found.paths[0].name: "?"}, "all lines would be of one class: where does it stand?")


def _parallel(found: Found) -> bool:
    """train_text.txt beside train_labels.txt."""
    labels = [path for path in found.paths if "label" in path.name.lower()]
    texts = [path for path in found.paths if "text" in path.name.lower() and path not in labels]
    if not labels or len(texts) != len(labels):
        return False
    found.paths, found.label_paths = sorted(texts), sorted(labels)
    return True
