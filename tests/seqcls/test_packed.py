"""bzip2, xz and zstd files are read as gzip files are, within the same limits."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from seqcls.cli import main
from seqcls.errors import DataRefused
from tests.seqcls.reading_files import read_bytes


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}
NAMES = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}
HEAD = b"sequence,label\n"
ROWS = [(f"text {number * 7919}", "ab"[number % 2]) for number in range(3000)]
DATA = HEAD + b"".join(f"{text},{label}\n".encode() for text, label in ROWS)


@pytest.mark.parametrize("ending", PACK)
def test_each_compression_gives_the_rows(ending: str, tmp_path: Path) -> None:
    assert read_bytes(tmp_path, PACK[ending](DATA), name=f"a.csv.{ending}").rows == ROWS


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_several_streams_in_one_file_are_read_one_after_another(ending: str, tmp_path: Path) -> None:
    data = PACK[ending](DATA[:20_000]) + PACK[ending](DATA[20_000:])
    assert read_bytes(tmp_path, data, name=f"a.csv.{ending}").rows == ROWS


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("length", [5, 40, 2000, -1])
def test_a_file_that_was_cut_off_is_refused(ending: str, length: int, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=rf"a\.csv\.{ending}: .*{NAMES[ending]} file.*Next: fetch the file again"):
        read_bytes(tmp_path, PACK[ending](DATA)[:length], name=f"a.csv.{ending}")


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])  # zstd as Arrow writes it has no checksum
def test_a_damaged_file_is_refused(ending: str, tmp_path: Path) -> None:
    data = bytearray(PACK[ending](DATA))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(DataRefused, match=f"{NAMES[ending]} file"):
        read_bytes(tmp_path, bytes(data), name=f"a.csv.{ending}")


@pytest.mark.parametrize("ending", PACK)
def test_a_bomb_is_refused_at_the_limit(ending: str, tmp_path: Path) -> None:
    bomb = PACK[ending](HEAD + b"a" * 5_000_000)
    with pytest.raises(DataRefused, match="more than 100000 bytes after unpacking"):
        read_bytes(tmp_path, bomb, name=f"a.csv.{ending}", max_file_bytes=100_000)


@pytest.mark.slow
def test_an_xz_file_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]
    with pytest.raises(DataRefused, match=r"not a valid xz file .*[Mm]emory"):
        read_bytes(tmp_path, lzma.compress(DATA, filters=filters), name="a.csv.xz")


@pytest.mark.parametrize("ending", PACK)
def test_a_packed_file_under_another_name_is_told_its_ending(ending: str, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=rf"looks like {NAMES[ending]}; .*or a name ending in \.{ending}"):
        read_bytes(tmp_path, PACK[ending](DATA), name="a.csv")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["bz2", "xz", "zst"])
def test_init_from_looks_into_it(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / f"a.csv.{ending}").write_bytes(PACK[ending](DATA))
    assert main(["init", "--from", str(tmp_path / f"a.csv.{ending}"), str(tmp_path / "my.toml")]) == 0
    assert main(["check", str(tmp_path / "my.toml")]) == 0
    assert "3000 rows = 3000 accepted + 0 rejected" in capsys.readouterr().out
