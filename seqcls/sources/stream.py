"""Bytes of one input file, unpacked: opened once, bounded, hashed while being read.

In: a path. Out: a binary stream. Promise: a file that changed since it was found, a damaged or endless gzip file, and a
file of another format (by its first bytes) are refused; what was read to the end has the digest of the `InputFile`.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqcls.errors import STRIKES_ANY_FILE, DataRefused, InputFailed, WorldFailed, remedy
from seqcls.sources.packed import KINDS, Broken, Unpacked, kind_of
from seqcls.sources.paths import content_digest
from seqcls.sources.reading import Reading
from seqcls.sources.text_encodings import looks_binary, wide_encoding
from seqcls.sources.unpacking import most_bytes, too_large

HEAD_BYTES = 4096
_GZIP = b"\x1f\x8b"
_MAGIC: list[tuple[bytes, str]] = [
    (b"PAR1", "Parquet"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (_GZIP, "gzip"), (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"ARROW1", "Arrow"), (b"\xff\xff\xff\xff", "Arrow"),
    (b"\x93NUMPY", "NumPy"),
    (b"SQLite format 3\x00", "SQLite"), (b"%PDF-", "PDF"), (b"\x89HDF", "HDF5"),
]  # fmt: skip
_BINARY = (
    (b"MATLAB", "MATLAB"), (b"\x89HDF", "HDF5 or MATLAB 7.3"), (b"0       ", "EDF"), (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"RIFF", "WAVE"), (b"\xd0\xcf\x11\xe0", "an old Office file"),
)  # fmt: skip
_READS = {
    "Parquet": 'set source.format = "parquet"', "Arrow": 'set source.format = "arrow"',
    "NumPy": 'set source.format = "numpy"', "SQLite": 'set source.format = "sql"',
}  # fmt: skip
_PACKED = ("zip", "tar", "gzip", "bzip2", "xz", "zstd")
_PAGES = (b"<!doctype html", b"<html", b"<?xml")
# Free text may begin with "<html"; tables and sequence files never do.
_FREE_TEXT = frozenset({"lines", "folder", "fasttext"})


class _Hashing(io.RawIOBase):
    """Hash everything that is read from a file."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        count = self._file.readinto(view) or 0
        self.digest.update(view[:count])
        return count


class SourceStream(io.RawIOBase):
    """Unpacked bytes within the budget of `max_file_bytes`."""

    def __init__(self, reading: Reading, file: io.FileIO) -> None:
        self._reading, self._file = reading, file
        self._hashing = _Hashing(file)
        buffered = io.BufferedReader(self._hashing, 1 << 18)
        kind = kind_of(reading.file.path.name)
        self._head = b""
        self._from: io.BufferedIOBase | Unpacked = Unpacked(buffered, kind) if kind else buffered
        self._most = most_bytes(reading.source, reading.file.size)
        self._count = 0
        self._ended = False
        self._head = self._read_head()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Without the copies of `RawIOBase.read`, after the first bytes."""
        return super().read(size) or b"" if self._head or size < 0 else self._unpack(size)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._head:
            count = min(len(view), len(self._head))
            view[:count], self._head = self._head[:count], self._head[count:]
            return count
        data = self._unpack(len(view))
        view[: len(data)] = data
        return len(data)

    def _read_head(self) -> bytes:
        head = self._unpack(HEAD_BYTES)
        refuse_other_formats(self._reading, head)
        return head

    def _unpack(self, size: int) -> bytes:
        try:
            data = self._from.read(size)
        except Broken as error:
            raise self._damaged(str(error)) from None
        self._count += len(data)
        self._ended = self._ended or (not data and size > 0)
        if self._count > self._most:
            raise too_large(self._reading, self._most)
        return data

    def _damaged(self, found: str) -> DataRefused:
        return self._reading.refuse(
            f"{found}, after {self._count} unpacked bytes",
            expected=f"a complete {kind_of(self._reading.file.path.name)} file",
            next_step="fetch the file again",
        )

    def check_unchanged(self) -> None:
        """Compare the digest of the bytes read with that of the file that was found."""
        if self._ended:
            check_same(self._reading, self._hashing.digest.hexdigest(), os.fstat(self._file.fileno()))


@contextmanager
def open_source(reading: Reading) -> Iterator[SourceStream]:
    """Open once; if the file was read to the end, its digest is compared on exit."""
    with open_regular(reading) as file:
        stream = SourceStream(reading, file)
        yield stream
        stream.check_unchanged()


def open_regular(reading: Reading) -> io.FileIO:
    """A regular file, opened without waiting (a FIFO would block for ever)."""
    path = reading.file.path
    try:
        file = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        raise reading.refuse("the file has disappeared since it was found", next_step="deliver it again") from None
    except OSError as error:
        failure = WorldFailed if error.errno in STRIKES_ANY_FILE else InputFailed
        raise failure(
            f"cannot open the file ({error.strerror})",
            where=reading.file.name,
            next_step=f"{remedy(error)}, then run again",
        ) from error
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        file.close()
        raise reading.refuse(
            "not a regular file", expected="a regular file, not a pipe, device or folder", next_step="name a file"
        )
    if facts.st_size != reading.file.size:
        file.close()
        raise changed(reading, f"{facts.st_size} bytes, {reading.file.size} when it was found")
    return file


def check_same(reading: Reading, digest: str, facts: os.stat_result) -> None:
    """Refuse a file whose bytes changed since it was found."""
    if facts.st_size != reading.file.size:
        raise changed(reading, f"{facts.st_size} bytes, {reading.file.size} when it was found")
    digest = content_digest(reading.source, reading.folder, reading.file.path, digest)
    if digest != reading.file.digest:
        raise changed(reading, f"SHA-256 {digest[:12]}, {reading.file.digest[:12]} when it was found")


def changed(reading: Reading, facts: str) -> DataRefused:
    return reading.refuse(
        f"changed while being read ({facts})",
        expected="a file that no program is writing",
        next_step="write under a name ending in .part, rename the file when it is complete, and run again",
    )


def refuse_other_formats(reading: Reading, head: bytes) -> None:
    """Refuse what is not text, or not a table, by its first bytes."""
    name = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if head[257:262] == b"ustar":
        name = "tar"
    if name == "zip" and b".npy" in head[:200]:
        name = "NumPy"
    if name == "zip" and (b"[Content_Types].xml" in head or b"xl/" in head):
        raise reading.refuse(
            "looks like an Excel workbook",
            expected=f"text, because source.format is {reading.source.format!r}",
            next_step="save the sheet as CSV (UTF-8) and name that file",
        )
    ending = next((ending for ending, kind in KINDS.items() if kind == name), None)
    if ending is not None and not reading.file.path.name.endswith(ending):
        raise reading.refuse(
            f"looks like {name}",
            expected=f"plain text, or a name ending in {ending}",
            next_step=f"rename the file to NAME{ending}, or unpack it",
        )
    if name:
        raise reading.refuse(
            f"looks like {name}",
            expected=f"text, because source.format is {reading.source.format!r}",
            next_step=_READS.get(name, "unpack the file" if name in _PACKED else "export the data as CSV or Parquet"),
        )
    _refuse_wide(reading, head)
    is_wide = reading.source.encoding.startswith(("utf-16", "utf-32"))
    if not is_wide and looks_binary(head, reading.source.delimiter):
        kind = next((f" ({kind})" for start, kind in _BINARY if head.startswith(start) or start in head[512:520]), "")
        raise reading.refuse(
            f"binary data{kind}", expected=f"text, because source.format is {reading.source.format!r}",
            next_step="export the data as CSV, or as arrays (.npz, source.format = \"numpy\") or Parquet",
        )  # fmt: skip
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    if reading.source.format not in _FREE_TEXT and start.startswith(_PAGES):
        raise reading.refuse(
            "looks like HTML",
            expected=f"a {reading.source.format} file",
            next_step="the file is probably an error page: fetch it again",
        )


def _refuse_wide(reading: Reading, head: bytes) -> None:
    if reading.source.encoding.startswith(("utf-16", "utf-32")):
        return
    name = wide_encoding(head)
    if name is not None:
        raise reading.refuse(
            f"looks like {name[:6].upper()}",
            expected=f"text in {reading.source.encoding}",
            next_step=f'set source.encoding = "{name}"',
        )
