"""Compressed files: gzip, bzip2, xz and zstd, by the ending of the name, as streams of bounded memory.

In: an open binary file. Out: a file object with the unpacked bytes. Promise: what is damaged or cut off raises `Broken`
in words; an error of the disk stays an OSError. How much may come out is limited by the caller (`unpacking.py`).
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any

KINDS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""Ending of the name -> compression."""
MOST_DICTIONARY = 256 * 1024 * 1024
"""Bytes that an xz file may ask for to be unpacked; `xz -9` needs 65 MiB."""
_PIECE = 1 << 18


class Broken(Exception):
    """Why the compressed file cannot be unpacked to its end."""


def kind_of(name: str) -> str | None:
    """The compression that the ending of a name stands for."""
    return next((kind for ending, kind in KINDS.items() if name.endswith(ending)), None)


class Unpacked:
    """Reads the unpacked bytes of one kind."""

    def __init__(self, file: IO[bytes], kind: str) -> None:
        self.kind = kind
        self._file: Any = _OPEN[kind](file)

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end. Raises `Broken`."""
        try:
            data: bytes = self._file.read(size)
        except EOFError:
            raise Broken(f"the {self.kind} file ends too early: it was cut off") from None
        except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            raise Broken(f"not a valid {self.kind} file ({error})") from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise Broken(f"not a valid {self.kind} file ({error})") from None
        return data


class _Members(io.RawIOBase):
    """One or more compressed streams, one after another; `make` gives a fresh decompressor for each."""

    def __init__(self, file: IO[bytes], make: Callable[[], Any]) -> None:
        self._packed, self._make, self._decoder = file, make, make()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            data = b""
            if self._decoder.eof:
                data = self._decoder.unused_data or self._packed.read(_PIECE)
                if not data:
                    return 0
                self._decoder = self._make()
            elif self._decoder.needs_input:
                data = self._packed.read(_PIECE)
                if not data:
                    raise EOFError
            found = self._decoder.decompress(data, len(view))
            if found:
                view[: len(found)] = found
                return len(found)


def _zstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


_OPEN: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    "bzip2": lambda file: io.BufferedReader(_Members(file, bz2.BZ2Decompressor), _PIECE),
    "xz": lambda file: io.BufferedReader(
        _Members(file, lambda: lzma.LZMADecompressor(memlimit=MOST_DICTIONARY)), _PIECE
    ),
    "zstd": _zstd,
}
