"""Files of every format, and how they are damaged: what the fuzz of the tests and `make fuzz` share.

Oracle of `read_mutated`: each row is read or rejected, once, and numbered without gaps; or the file is refused with an
error of ours. Anything else is an exception or a failed assertion, and a bug.
"""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from seqcls.errors import DataRefused
from seqcls.table import Kind
from tests.seqcls.reading_files import read_bytes

HEAD = b"sequence,label\n"
GOOD = HEAD + b"one,a\ntwo,b\nthree,a\n"


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"sequence": ["one"] * 500, "label": ["a"] * 500}), out)
    return out.getvalue()


SEEDS: dict[str, tuple[Kind, bytes, dict[str, Any]]] = {
    "csv": ("text", GOOD + b'"a ""b""\nc",x\n', {"id": None}),
    "tsv": ("text", b"sequence\tlabel\tt\none\ta\t2026-01-01\ntwo\tb\t2026-01-02T03:04:05Z\n", {"time": "t"}),
    "jsonl": ("tokens", b'{"sequence": ["a", 1], "label": "x"}\n{"sequence": "b c", "label": 2}\n', {}),
    "lines": ("text", b"A: one\r\nB: two\n", {"pattern": r"^(?P<label>\w): (?P<sequence>.*)$"}),
    "fasttext": ("text", b"__label__a one\n__label__b\ttwo\n", {}),
    "folder": ("text", b"a text\nof two lines\n", {}),
    "ucr": ("series", b"1\t2\t3\tNaN\n-1\t4.5\t1e3\t7\n", {}),
    "ts": ("series", b"@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n1,2:3,?:a\n1:2:b\n", {}),
    "arff": (
        "series",
        b"@relation r\n@attribute x relational\n@attribute t numeric\n@end x"
        b"\n@attribute c {a,b}\n@data\n'1,2\\n3,?',a\n",
        {},
    ),
    "wide": ("series", b"label,v1,v2,v10\na,1,2,3\nb,4,,\n", {"values": ["v*"]}),
    "long": ("series", b"id,time,channel,value,label\np,1,x,5,a\np,1,y,6,a\nq,1,x,?,b\n", {"id": "id"}),
    "fasta": ("dna", b">a one\nACGT\nNN\n>b\nacgt\n", {"labels": {"*": "x"}}),
    "fastq": ("dna", b"@a\nACGT\n+\nIIII\n@b\nAC\n+\nII\n", {"labels": {"*": "x"}}),
    "parquet": ("text", parquet(), {}),
    "gz": ("text", gzip.compress(GOOD, mtime=0), {"format": "csv", "name": "data.csv.gz"}),
    "series": ("series", b'sequence,label\n"[[1,2],[3,4]]",a\n1 2 3,b\n1;2,a\n', {"format": "csv"}),
}
PIECES = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\t",
    b"1e999",
    b"[",
    b"{",
    b":",
    b"?",
    b"@",
    b">",
    b"\\n",
    b"\xed\xa0\x80",
    b"label",
]


def mutate(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 3)):
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        change = rng.randrange(5)
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


def read_mutated(folder: Path, format: str, data: bytes) -> Literal["read", "refused"]:
    """Read one damaged file and check its books."""
    kind, _seed, options = SEEDS[format]
    try:
        result = read_bytes(folder, data, kind, **({"format": format} | options))
    except DataRefused:
        return "refused"
    rows = [*result.table["source_row"].to_pylist(), *result.rejects["source_row"].to_pylist()]
    assert len(set(rows)) == len(rows) == result.rows_in, data
    assert format == "long" or set(rows) == set(range(1, len(rows) + 1)), data
    return "read"
