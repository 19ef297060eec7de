"""JSON objects that do not stand one a line: in an array, or over several lines each; read in bounded memory.

In: a file that begins with `[`, or with an object that goes on after its first line. Out: `Lines`, the text of each
object, numbered from 1. Promise: an item that is no object is a row like any other and rejected alone; where the file
is damaged or cut off between them, nobody knows how many are missing, and it is refused.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from seqcls.errors import DataRefused
from seqcls.sources.blocks import BLOCK_BYTES, Lines, too_long, utf8_chunks
from seqcls.sources.reading import Reading
from seqcls.sources.stream import open_source
from seqcls.table import RAW_LIMIT

_BLANKS = " \t\r\n"
_DECODER = json.JSONDecoder()
_BOM = b"\xef\xbb\xbf"


def holds_items(reading: Reading) -> bool:
    """Whether the file is an array, or its first object goes on after the first line."""
    first, more = _first_line(reading)
    return first.startswith(b"[") or (more and first.startswith(b"{") and first.endswith((b"{", b",", b"[")))


def _first_line(reading: Reading) -> tuple[bytes, bool]:
    """What the file begins with, and whether another line follows."""
    with open_source(reading) as stream:
        first, sign, _ = stream.read(4096).removeprefix(_BOM).lstrip().partition(b"\n")
    return first.rstrip(), bool(sign)


def read_items(reading: Reading) -> Iterator[Lines]:
    """The items in batches of about a block."""
    row, limit = 1, reading.source.max_row_bytes
    is_array = _first_line(reading)[0].startswith(b"[")
    for texts in _items(reading) if is_array else _objects(reading):
        rows = range(row, row + len(texts))
        good = [(at, text) for at, text in zip(rows, texts, strict=True) if len(text) <= limit]
        long = [
            too_long(reading, at, len(text), text[:RAW_LIMIT].encode())
            for at, text in zip(rows, texts, strict=True)
            if len(text) > limit
        ]
        yield Lines([at for at, _ in good], [text for _, text in good], long)
        row += len(texts)


def _items(reading: Reading) -> Iterator[list[str]]:
    buffer, row, expects = "", 1, "["
    for text, is_last in _texts(reading):
        buffer += text
        at, found = 0, []
        while True:
            at = _skip(buffer, at)
            if at == len(buffer):
                break
            if expects == "end":
                raise _damaged(reading, row, f"text after the array: {buffer[at : at + 20]!r}")
            if expects in "[,":  # the array begins, or an item has ended
                if buffer[at] not in expects + "]" or (expects == "[" and buffer[at] == "]"):
                    raise _damaged(reading, row, f"{buffer[at]!r} where a comma or ] is expected")
                expects, at = ("end" if buffer[at] == "]" else "item"), at + 1
                continue
            if buffer[at] == "]" and row == 1:
                expects, at = "end", at + 1
                continue
            end = _end(reading, buffer, at, row, is_last)
            if end is None:
                break
            found.append(buffer[at:end])
            at, row, expects = end, row + 1, ","
        buffer = buffer[at:]
        if found:
            yield found
    if expects != "end":
        raise reading.ends_inside(row, "the array has no ]")


def _objects(reading: Reading) -> Iterator[list[str]]:
    buffer, row = "", 1
    for text, is_last in _texts(reading):
        buffer += text
        at, found = 0, []
        while (at := _skip(buffer, at)) < len(buffer):
            end = _end(reading, buffer, at, row, is_last)
            if end is None:
                break
            found.append(buffer[at:end])
            at, row = end, row + 1
        buffer = buffer[at:]
        if found:
            yield found


def _end(reading: Reading, buffer: str, at: int, row: int, is_last: bool) -> int | None:
    """Where the item ends; None if more of the file may hold its end."""
    limit = reading.source.max_row_bytes
    try:
        end = _DECODER.raw_decode(buffer, at)[1]
        return end if end < len(buffer) or is_last else None  # a number may go on
    except (ValueError, RecursionError) as error:
        if not is_last and len(buffer) - at <= limit + BLOCK_BYTES:
            return None
        said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:80]
        raise _damaged(reading, row, f"item {row} is not JSON ({said}), or longer than {limit} bytes") from None


def _skip(buffer: str, at: int) -> int:
    while at < len(buffer) and buffer[at] in _BLANKS:
        at += 1
    return at


def _texts(reading: Reading) -> Iterator[tuple[str, bool]]:
    """Decoded chunks, and whether each is the last."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_source(reading) as stream:
        for number, (chunk, is_last) in enumerate(utf8_chunks(reading, stream)):
            try:
                yield decoder.decode(chunk.removeprefix(_BOM) if number == 0 else chunk, final=is_last), is_last
            except UnicodeDecodeError as error:
                raise reading.refuse(
                    f"byte 0x{error.object[error.start]:02x} is not {reading.source.encoding}",
                    expected=f"text in {reading.source.encoding}", next_step="set source.encoding",
                ) from None  # fmt: skip


def _damaged(reading: Reading, row: int, found: str) -> DataRefused:
    return reading.refuse(
        found, row=row, expected="a JSON array of objects, or one object a line", next_step="fetch the file again",
    )  # fmt: skip
