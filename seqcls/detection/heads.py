"""The beginning of a file, unpacked and decoded; at most `MOST_BYTES` are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqcls.detection.arrays import format_of
from seqcls.errors import DataRefused, InputFailed, remedy
from seqcls.sources.packed import Broken, Unpacked, kind_of
from seqcls.sources.text_encodings import guess_encoding

MOST_BYTES = 512 * 1024


@dataclass(frozen=True)
class Head:
    """The first lines of a file; `text` is empty for binary ones."""

    path: Path
    text: str
    encoding: str
    why: str
    """What the encoding rests on."""
    binary: str = ""
    """parquet, arrow or numpy."""
    whole: bool = True
    """Whether the text is the whole file."""

    @property
    def lines(self) -> list[str]:
        """Lines that are not blank."""
        return [line for line in self.text.splitlines() if line.strip()]


def read_head(path: Path) -> Head:
    """Read and decode; a last line that was cut is left out."""
    data = _bytes(path)
    if binary := format_of(data):
        return Head(path, "", "utf-8", "", binary=binary)
    encoding, why = _encoding(data, path)
    text = data[:MOST_BYTES].decode(encoding, errors="ignore").removeprefix("\ufeff")
    whole = len(data) <= MOST_BYTES
    return Head(path, text if whole else text[: text.rfind("\n") + 1] or text, encoding, why, whole=whole)


def _bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            kind = kind_of(path.name)
            return _read(Unpacked(file, kind)) if kind else file.read(MOST_BYTES + 1)
    except Broken as error:
        raise DataRefused(str(error), where=str(path), next_step="fetch the file again") from None
    except OSError as error:
        raise InputFailed(
            f"cannot be read ({error.strerror})", where=str(path), next_step=f"{remedy(error)}, then run again"
        ) from None


def _read(file: Unpacked) -> bytes:
    data = b""
    while len(data) <= MOST_BYTES and (part := file.read(MOST_BYTES + 1 - len(data))):
        data += part
    return data


def _encoding(data: bytes, path: Path) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "the byte order mark of UTF-16"
    every_other = [data[start:4096:2].count(0) for start in (0, 1)]
    if len(data) >= 8 and max(every_other) > 0.4 * min(len(data), 4096) / 2 and min(every_other) == 0:
        return ("utf-16-le" if every_other[1] else "utf-16-be"), "every second byte is 0"
    if b"\0" in data[:4096]:
        raise DataRefused(
            f"not a text file: it begins with {data[:4]!r}", where=str(path),
            expected="text, Parquet, or text in gzip, bzip2, xz or zstd (NAME.gz ...)",
            next_step="write the rows as Parquet, with the sequence (for series a list of numbers) in one column, "
            "and name that file",
        )  # fmt: skip
    try:
        data[: MOST_BYTES - 4].decode("utf-8") if len(data) > MOST_BYTES else data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) <= MOST_BYTES or error.start < MOST_BYTES - 8:
            other = guess_encoding(data)
            reads = f"it reads like {other}" if other else "Western European is the commonest other encoding"
            return other or "cp1252", f"byte {error.start} is not UTF-8; {reads}"
    return "utf-8", ""
