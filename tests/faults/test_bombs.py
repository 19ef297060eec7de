"""Small Parquet files that stand for gigabytes: measured before they are written out, refused as what they are."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seqcls.sources.unpacking
from seqcls.processors.available_memory import memory_left
from seqcls.sources.unpacking import SMALL, row_bytes, written_out
from tests.faults.test_environment_memory import limit_above
from tests.faults.test_inbox_entries import check_one_message, scored_rows
from tests.faults.travel import refusal, travel
from tests.reliability.processes import Nursery

LONG = "w1 " * 333_333  # 1 MB
MANY = 180


def texts(kind: pa.DataType, rows: int = MANY) -> pa.Array:
    return pa.array([LONG] * rows, kind)


def lists(kind: pa.DataType) -> pa.Array:
    return pa.array([[LONG] * 3] * (MANY // 3), kind)


BOMBS: dict[str, Callable[[], pa.Array]] = {
    "string": lambda: texts(pa.string()),
    "large_string": lambda: texts(pa.large_string()),
    "string_view": lambda: texts(pa.string_view()),
    "dictionary": lambda: texts(pa.string()).dictionary_encode(),
    "delta": lambda: texts(pa.string()),
    "list": lambda: lists(pa.list_(pa.string())),
    "list_of_large": lambda: lists(pa.list_(pa.large_string())),
    "list_of_views": lambda: lists(pa.list_(pa.string_view())),
    "large_list": lambda: lists(pa.large_list(pa.string())),
    "fixed_size_list": lambda: lists(pa.list_(pa.string(), 3)),
}


def parquet(sequence: pa.Array, name: str = "", **options: Any) -> bytes:
    out = io.BytesIO()
    if name == "delta":
        options |= {"use_dictionary": ["id"], "column_encoding": {"sequence": "DELTA_BYTE_ARRAY"}}
    ids = pa.array([f"{name}-{row}" for row in range(len(sequence))])
    pq.write_table(pa.table({"id": ids, "sequence": sequence}), out, **options)
    return out.getvalue()


def take_parquet(config: Path) -> Path:
    """New files of this pipeline are Parquet; a good one lies there. Its inbox."""
    inbox = config.parent / "incoming"
    (inbox / "night.csv").unlink()
    text = config.read_text().replace("incoming/*.csv", "incoming/*.parquet")
    config.write_text(text + '[score.source]\nformat = "parquet"\nfiles = ["unused"]\nid = "id"\n')
    (inbox / "good.parquet").write_bytes(parquet(pa.array(["w1 first w2 second"] * 20), "good"))
    return inbox


@pytest.mark.fault(
    "N14",
    tried="180 MB in 60 KB of Parquet, one file of each type of text and list, with little memory (RLIMIT_DATA) and "
    "smaller default limits",
    outcome="each refused as more than it may unpack to, and no other file; the good one beside them scored",
)
def test_bombs_of_every_type_are_refused_and_the_others_scored(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    inbox = take_parquet(config)
    for name, make in BOMBS.items():
        data = parquet(make(), name)
        assert len(data) < 100_000
        (inbox / f"{name}.parquet").write_bytes(data)
    smaller = {"seqcls.sources.unpacking:SMALL": 20_000_000, "seqcls.sources.unpacking:USUAL": 100}
    command = nursery.run("score", config, limits=limit_above(nursery, 120), patches=smaller)
    message = check_one_message(command, 3)
    assert f"{len(BOMBS)} files refused" in message
    for name in BOMBS:
        assert (
            f"incoming/{name}.parquet: more than 20000000 bytes after unpacking; expected at most 100 times" in message
        )
    assert scored_rows(config) == {"incoming/good.parquet": 20}


@pytest.mark.fault(
    "N14",
    tried="a text of 1 MB that stands 300 times in 50 KB of Parquet, with every limit left as it is",
    outcome="refused before it is written out, in bounded memory; 20 times are read, rows within source.max_row_bytes",
)
def test_the_default_limit_fits_the_size_of_the_file(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array([LONG]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refusal(tmp_path, parquet(text), format="parquet", labelled=False)
    assert error.found == f"more than {SMALL} bytes after unpacking"
    assert error.next_step == "split the file, or set source.max_file_bytes if its size is right"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB
    found = travel(tmp_path, parquet(text.slice(0, 20)), format="parquet", labelled=False)
    assert [len(sequence) for sequence in found.sequences] == [len(LONG)] * 20


@pytest.mark.fault(
    "N14",
    tried="rows of numbers that unpack to more than their file may, by the footer's own account",
    outcome="refused before a row is decoded",
)
@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float64(), 100_000)])
def test_a_bomb_of_numbers_is_known_by_its_footer(
    kind: pa.DataType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seqcls.sources.unpacking, "SMALL", 1_000_000)
    monkeypatch.setattr("seqcls.sources.parquet_files._read", lambda *given: pytest.fail("decoded"))
    data = parquet(pa.array([np.zeros(100_000)] * 10, kind))
    assert len(data) < 8_000
    error = refusal(tmp_path, data, "series", format="parquet", labelled=False)
    assert error.found.endswith(" bytes after unpacking")


@pytest.mark.fault(
    "N14",
    tried="one row of 12 million numbers in 1 KB of Parquet, with 140 MB of memory left",
    outcome="refused: what the row may unpack to and what memory is left; the good file beside it scored",
)
def test_a_row_that_may_not_fit_into_the_memory_is_not_decoded(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    inbox = take_parquet(config)
    numbers = pa.ListArray.from_arrays(pa.array([0, 12_000_000], pa.int32()), pa.array(np.zeros(12_000_000, np.int64)))
    (inbox / "row.parquet").write_bytes(parquet(numbers, "row"))
    message = check_one_message(nursery.run("score", config, limits=limit_above(nursery, 50)), 3)
    assert (
        "incoming/row.parquet:sequence.list.element: row group 1 may unpack to one row of 96000000 bytes, and "
        in message
    )
    assert scored_rows(config) == {"incoming/good.parquet": 20}


@pytest.mark.fault(
    "N14", tried="lists longer than source.max_row_bytes in Parquet", outcome="those rows rejected, the others kept"
)
@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float64()), pa.large_list(pa.float64()), pa.list_(pa.list_(pa.float32())), pa.list_(pa.string()),
        pa.large_list(pa.large_string()), pa.list_(pa.string_view()), pa.list_(pa.int64()),
    ],
    ids=str,
)  # fmt: skip
def test_a_list_beyond_the_limit_of_a_row_is_set_aside(kind: pa.DataType, tmp_path: Path) -> None:
    inner = kind.value_type
    is_series = pa.types.is_floating(inner) or pa.types.is_list(inner)
    one: Any = 1.0 if is_series else 1 if pa.types.is_integer(inner) else "token"
    short, long = [one] * 3, [one] * 2_000
    values = [[row] if pa.types.is_list(inner) else row for row in (short, long, short)]
    data = parquet(pa.array(values, kind), "r")
    options: dict[str, Any] = {"format": "parquet", "labelled": False, "max_row_bytes": 10_000, "id": "id"}
    found = travel(tmp_path, data, "series" if is_series else "tokens", **options)
    assert found.table.num_rows == 2
    assert found.sequences[0] == ([[1.0] * 3] if is_series else [str(one)] * 3)
    (reject,) = found.rejects
    assert (reject.row, reject.column, reject.rule) == (2, "sequence", "row_bytes")
    assert reject.reason.endswith(" bytes; a row may have 10000 (source.max_row_bytes)")
    assert reject.raw == "{'id': 'r-1'}"


def test_texts_stay_what_they_were(tmp_path: Path) -> None:
    """Written by others with encodings of their own, in several row groups, with missing rows and words."""
    rows = [f"w{number} first w2 second {'x' * (number % 7)}" if number % 9 else None for number in range(20_000)]
    for options in (
        {"row_group_size": 700},
        {"use_dictionary": False, "column_encoding": {"sequence": "DELTA_BYTE_ARRAY"}},
    ):
        for kind in (pa.string(), pa.large_string(), pa.string_view()):
            name = f"{kind}-{len(options)}.parquet"
            data = parquet(pa.array(rows, kind), **options)
            found = travel(tmp_path, data, format="parquet", name=name, labelled=False)
            assert found.sequences == [row for row in rows if row is not None]


def test_bytes_of_rows_are_those_of_what_is_written_out() -> None:
    words = pa.array([["ab", "c"], None, [], ["ab"] * 3], pa.list_(pa.dictionary(pa.int32(), pa.string())))
    assert row_bytes(words).tolist() == [5, 0, 0, 9]
    assert written_out(words).to_pylist() == words.to_pylist()
    assert row_bytes(words.slice(2)).tolist() == [0, 9]
    assert written_out(words.slice(3)).to_pylist() == [["ab"] * 3]
    assert row_bytes(pa.array(["ab", None, "c"]).dictionary_encode()).tolist() == [2, 0, 1]
    assert row_bytes(pa.array([[[1.0, 2.0], [3.0]], None])).tolist() == [26, 0]


def test_the_memory_that_is_left_is_no_more_than_a_limit_of_the_process_allows() -> None:
    assert 0 < memory_left() < 2**50


@pytest.mark.fault(
    "N28",
    tried="a Parquet file whose footer says another number of rows",
    outcome="file refused: both numbers are told",
)
def test_a_footer_that_counts_other_rows_is_refused(tmp_path: Path) -> None:
    data = parquet(pa.array(["w1 w2"] * 50))
    rows = b"\x16\x64"  # a field of 64 bits, 50 in zigzag
    first, last = data.index(rows), data.rindex(rows)
    for at, said in ((first, 49), (first, 51)):
        wrong = data[: at + 1] + bytes([2 * said]) + data[at + 2 :]
        assert pq.ParquetFile(io.BytesIO(wrong)).metadata.num_rows == said
        error = refusal(tmp_path, wrong, format="parquet", labelled=False)
        assert error.found == f"50 rows, and its footer says {said}"
    wrong = data[: last + 1] + bytes([2 * 49]) + data[last + 2 :]
    assert refusal(tmp_path, wrong, format="parquet", labelled=False).found == "49 rows, and its footer says 50"
