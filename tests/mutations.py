"""Files of every format, and how they are damaged: what the fuzz of the tests and `make fuzz` share.

Oracle of `read_mutated`: each row is read or rejected, once, and numbered without gaps; or the file is refused with an
error of ours. Anything else is an exception or a failed assertion, and a bug.
"""

from __future__ import annotations

import gzip
import io
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from seqcls.table import Kind
from tests.real_seeds import REAL_ROADS, parquet_of, read_real_seeds

HEAD = b"sequence,label\n"
GOOD = HEAD + b"one,a\ntwo,b\nthree,a\n"
LONGEST = 100_000  # bytes of a damaged file


@dataclass(frozen=True)
class Road:
    """How a file is read: its kind and its [source], by the name that a kept crash begins with."""

    kind: Kind
    options: dict[str, Any]
    name: str = "data"

    @cached_property
    def source(self) -> SourceConfig:
        return SourceConfig(**self.options, files=[self.name])


def parquet() -> bytes:
    return parquet_of({"sequence": ["one"] * 500, "label": ["a"] * 500})


def arrow(columns: dict[str, list[Any]], new: Any) -> bytes:
    """Two batches."""
    table, file = pa.table(columns), io.BytesIO()
    with new(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=len(table) // 2)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _by_hand(format: str, kind: Kind, name: str = "data", **options: Any) -> Road:
    return Road(kind, {"format": format, **options}, name)


ROADS: dict[str, Road] = {
    "csv": _by_hand("csv", "text"),
    "tsv": _by_hand("tsv", "text", time="t"),
    "jsonl": _by_hand("jsonl", "tokens"),
    "lines": _by_hand("lines", "text", pattern=r"^(?P<label>\w): (?P<sequence>.*)$"),
    "fasttext": _by_hand("fasttext", "text"),
    "folder": _by_hand("folder", "text"),
    "ucr": _by_hand("ucr", "series"),
    "ts": _by_hand("ts", "series"),
    "arff": _by_hand("arff", "series"),
    "wide": _by_hand("wide", "series", values=["v*"]),
    "long": _by_hand("long", "series", id="id"),
    "fasta": _by_hand("fasta", "dna", labels={"*": "x"}),
    "fastq": _by_hand("fastq", "dna", labels={"*": "x"}),
    "parquet": _by_hand("parquet", "text"),
    "gz": _by_hand("csv", "text", "data.csv.gz"),
    "series": _by_hand("csv", "series"),
    "escaped": _by_hand("csv", "text", escape="\\", classes={"a": "A", "b": ""}),
    "apostrophes": _by_hand("csv", "text", quote="'", delimiter=";", strip=True, skip_lines=1, max_quoted_lines=3),
    "token_lists": _by_hand("csv", "tokens"),
    "json_array": _by_hand("jsonl", "text", sequence="data.text", label="label[0]"),
    "json_objects": _by_hand("jsonl", "text"),
    "arrow_stream": _by_hand("arrow", "text"),
    "arrow_structs": _by_hand("arrow", "text", sequence="data.text", label="label[0]"),
    "npz": _by_hand("numpy", "series", sequence="X", label="y"),
    "wide_parquet": _by_hand("parquet", "series", values={"a": "a*", "b": "b*"}),
    "positions": _by_hand("wide", "series", header=False, values="1:", label="0"),
    "recording": _by_hand("recording", "series", labels={"*": "x"}),
    "times": _by_hand("long", "series", id="id", split="part"),
    "days": _by_hand("csv", "text", sequence=["a", "b"], time="t", time_format="%d.%m.%Y %H:%M"),
    "label_studio": _by_hand("label-studio", "text", sequence="text"),
    "prodigy": _by_hand("prodigy", "text", sequence="text"),
}
SEEDS: dict[str, bytes] = {
    "csv": GOOD + b'"a ""b""\nc",x\n',
    "tsv": b"sequence\tlabel\tt\none\ta\t2026-01-01\ntwo\tb\t2026-01-02T03:04:05Z\n",
    "jsonl": b'{"sequence": ["a", 1], "label": "x"}\n{"sequence": "b c", "label": 2}\n',
    "lines": b"A: one\r\nB: two\n",
    "fasttext": b"__label__a one\n__label__b\ttwo\n",
    "folder": b"a text\nof two lines\n",
    "ucr": b"1\t2\t3\tNaN\n-1\t4.5\t1e3\t7\n",
    "ts": b"@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n1,2:3,?:a\n1:2:b\n",
    "arff": b"@relation r\n@attribute x relational\n@attribute t numeric\n@end x"
    b"\n@attribute c {a,b}\n@data\n'1,2\\n3,?',a\n",
    "wide": b"label,v1,v2,v10\na,1,2,3\nb,4,,\n",
    "long": b"id,time,channel,value,label\np,1,x,5,a\np,1,y,6,a\nq,1,x,?,b\n",
    "fasta": b">a one\nACGT\nNN\n>b\nacgt\n",
    "fastq": b"@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n",
    "parquet": parquet(),
    "gz": gzip.compress(GOOD, mtime=0),
    "series": b'sequence,label\n"[[1,2],[3,4]]",a\n1 2 3,b\n1;2,a\n',
    "json_array": b'[\n  {"data": {"text": "one"}, "label": ["a"]},\n  {"data": {"text": "two"}, "label": []}, 3\n]\n',
    "json_objects": b'{\n "sequence": "one",\n "label": "a"\n}\n{\n "sequence": "two",\n "label": "b"}\n',
    "arrow_stream": arrow({"sequence": ["one", None, "two"] * 50, "label": ["a", "b", "c"] * 50}, pa.ipc.new_stream),
    "arrow_structs": arrow({"data": [{"text": "one"}, None] * 9, "label": [["a"], []] * 9}, pa.ipc.new_file),
    "npz": npz(X=np.arange(12.0).reshape(2, 2, 3), y=np.array(["a", "b"])),
    "wide_parquet": parquet_of({"a1": [1, 2], "a2": [1.5, None], "b1": ["3", "x"], "b2": [4, 5], "label": ["x", "y"]}),
    "positions": b"a,1,2,3\nb,4,,\nc,x,5,6\n",
    "recording": b"time,x,y\n0,1,2\n1,,3\n2,4,5\n",
    "times": b"id,time,value,label,part\np,2026-01-01 00:00:01 UTC,5,a,train\np,2026-01-01,6,a,train\n"
    b"q,2026-02-30,7,b,dev\n",
    "days": b"a,b,label,t\none,two,x,01.02.2026 03:04\n,six,y,31.12.1999 23:59\n",
    "label_studio": b'[{"data": {"text": "one"}, "annotations": [{"result": [{"value": {"choices": ["a"]}}]}]},'
    b' {"text": "t"}]',
    "prodigy": b'{"text": "a", "accept": ["x"], "answer": "accept"}\n{"text": "b", "cats": {"x": 1.0, "y": 0}}\n',
    "escaped": b'sequence,label,,\n"a \\"b\\", c \\\\",a,1,2\nplain \\, text,b,,\n"c ""d""",a,,\n',
    "apostrophes": b"sep=;\nsequence; label\n 'it''s; so' ; a\n'two\nlines';b\nplain;a\n",
    "token_lists": b'sequence,label\n"[\'a\', \'b, c\']",x\n"[""d""]",y\ne f,x\n',
}
ROADS |= {f"real_{name}": Road(*road) for name, road in REAL_ROADS.items()}

PIECES = [
    b'"', b",", b"\n", b"\r", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\t", b"1e999", b"[", b"{", b":", b"?", b"@", b">",
    b"\\n", b"\xed\xa0\x80", b"label", b"", b"NaN", b"-inf", b"9007199254740993", b"\xef\xbc\x91", b"'", b"__label__",
    b"\x1b[31m", b"\xe2\x80\xa8", b"\xc2\x85", b"null", b"@data", b"+\n", b"\r\n",
]  # fmt: skip
_SEPARATORS = (b",", b"\t", b" ", b":", b"\n")


def every_seed() -> dict[str, bytes]:
    """Road -> the file to damage: those made by hand, and first rows of the real sets where they are."""
    return SEEDS | {f"real_{name}": data for name, data in read_real_seeds().items()}


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to three changes: of bytes, of fields, of lines."""
    for _ in range(rng.randint(1, 3)):
        change = rng.randrange(8)
        if change >= 5:
            data = _change_lines(data, rng) if change == 5 else _change_field(data, rng)
            continue
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        if change == 0:
            data = data[:at] + rng.choice(PIECES) + data[at:]
        elif change == 1:
            data = data[:at] + data[to:] if to - at < 40 else data[:at]
        elif change == 2 and at < len(data):
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif change == 3:
            data = data[:to] + data[at:to] + data[to:]
        else:
            data = data[:at] + rng.choice(PIECES) * rng.randint(1, 5) + data[at:]
    return data


def _change_lines(data: bytes, rng: random.Random) -> bytes:
    """Leave one out, repeat one (often enough to pass every limit on lines), or exchange two."""
    lines = data.split(b"\n")
    one, other, change = rng.randrange(len(lines)), rng.randrange(len(lines)), rng.randrange(3)
    if change == 0:
        del lines[one]
    elif change == 1:
        lines[one:one] = [lines[one]] * rng.choice((1, 3, 250))
    else:
        lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _change_field(data: bytes, rng: random.Random) -> bytes:
    """Put something else between two separators."""
    separator = rng.choice(_SEPARATORS)
    fields = data.split(separator)
    fields[rng.randrange(len(fields))] = rng.choice(PIECES)
    return separator.join(fields)


def read_mutated(folder: Path, name: str, data: bytes) -> Literal["read", "refused"]:
    """Read one damaged file on a road and check its books."""
    road = ROADS[name]
    (folder / road.name).write_bytes(data)
    try:
        (file,) = find_files(road.source, folder)
        batches = list(read_file(file, road.source, road.kind, labelled=True, folder=folder))
    except DataRefused:
        return "refused"
    numbers = [column for batch in batches for column in (batch.table["source_row"], batch.rejects["source_row"])]
    rows = pa.chunked_array([chunk for column in numbers for chunk in column.chunks], pa.int64()).to_pylist()
    assert len(set(rows)) == len(rows) == sum(batch.rows_in for batch in batches), data
    assert road.source.format == "long" or set(rows) == set(range(1, len(rows) + 1)), data
    return "read"
