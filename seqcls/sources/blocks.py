"""Text files as blocks of whole lines in UTF-8, and as decoded lines.

In: a byte stream in any encoding. Out: `Block`s of about 4 MiB that end at a line break, or `Lines`. Promise: memory is
bounded by `max_row_bytes`; bytes that the encoding does not allow are marked, so that only their line is rejected.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seqcls.sources.reading import Reading, Reject
from seqcls.sources.stream import HEAD_BYTES, SourceStream, open_source
from seqcls.sources.text_encodings import guess_encoding, wide_encoding
from seqcls.store.background import prefetch
from seqcls.table import RAW_LIMIT

BLOCK_BYTES = 4 * 1024 * 1024  # 8 MiB is no faster, and each block exists in about four copies
_BOM = b"\xef\xbb\xbf"
_MARK = 0xDC00  # an undecodable byte b becomes the lone surrogate U+DC00+b: never valid, so its line is found later


@dataclass(frozen=True)
class Block:
    """Whole lines. `overlong`: the beginning of a line that is longer than `max_row_bytes`."""

    data: bytes
    offset: int  # of the first byte in the text (in the file, for UTF-8)
    overlong: bool = False
    is_last: bool = False


@dataclass(frozen=True)
class Lines:
    """Decoded lines of one block with their numbers, and those that could not be decoded."""

    rows: list[int]
    texts: list[str]
    rejects: list[Reject]
    is_unended: bool = False  # the last line is the end of the file and has no line break


def text_blocks(reading: Reading, stream: SourceStream, *, old_breaks: bool) -> Generator[Block, None, None]:
    """Blocks of UTF-8; lines end in LF, and a CR before it belongs to the line break.

    With `old_breaks` CR ends the lines of a file that has no LF in its first chunk; in others it is a character.
    """
    chunks: Iterator[tuple[bytes, bool]] = utf8_chunks(reading, stream)
    blocks = _cut(_with_line_feeds(chunks) if old_breaks else chunks, reading.source.max_row_bytes)
    if reading.file.size > BLOCK_BYTES:  # a file of one block needs no thread
        blocks = prefetch(blocks)
    with closing(blocks):
        yield from blocks


def _cut(chunks: Iterator[tuple[bytes, bool]], limit: int) -> Generator[Block, None, None]:
    """Chunks of any size -> blocks of whole lines."""
    pending, offset, skipping = b"", 0, False
    for chunk, is_last in chunks:
        if offset == 0 and not pending and chunk.startswith(_BOM):
            chunk, offset = chunk[len(_BOM) :], len(_BOM)
        if not skipping and not is_last and (cut := chunk.rfind(b"\n") + 1):
            yield Block(b"".join((pending, memoryview(chunk)[:cut])), offset)  # one copy, not two
            pending, offset = chunk[cut:], offset + len(pending) + cut
            continue
        data = pending + chunk
        cut = len(data) if is_last else data.rfind(b"\n") + 1
        if skipping:  # the rest of an overlong line
            end = data.find(b"\n") + 1
            if end == 0 and not is_last:
                pending, offset = data[-1:], offset + len(data) - 1
                continue
            end = end or len(data)
            data, offset, cut, skipping = data[end:], offset + end, cut - end, False
        pending = data[cut:]
        if cut or is_last:
            yield Block(data[:cut], offset, is_last=is_last)
        offset += cut
        if len(pending) > limit + BLOCK_BYTES:
            yield Block(pending[:RAW_LIMIT], offset, overlong=True)
            pending, offset, skipping = pending[-1:], offset + len(pending) - 1, True


def utf8_chunks(reading: Reading, stream: SourceStream) -> Iterator[tuple[bytes, bool]]:
    """(bytes, whether they are the last ones); the last may be empty."""
    encoding = reading.source.encoding
    decoder = None
    if encoding not in ("utf-8", "utf-8-sig"):
        codecs.register_error("seqcls-mark", _mark)
        decoder = codecs.getincrementaldecoder(encoding)("seqcls-mark")
    while True:
        chunk = _read_full(stream)
        is_last = len(chunk) < BLOCK_BYTES
        if decoder is not None:
            chunk = _decode(reading, decoder, chunk, is_last).encode("utf-8", "surrogatepass")
        yield chunk, is_last
        if is_last:
            return


def _decode(reading: Reading, decoder: codecs.IncrementalDecoder, chunk: bytes, is_last: bool) -> str:
    """Bytes that do not fit are marked; without the byte order mark that utf-16 and utf-32 begin with, none can be."""
    try:
        return decoder.decode(chunk, final=is_last)
    except UnicodeError:
        name = reading.source.encoding
        wide = wide_encoding(chunk[:HEAD_BYTES])
        remedy = "set source.encoding to the encoding of the file"
        raise reading.refuse(
            f"no byte order mark of {name.upper()} at the beginning: {chunk[:4]!r}", expected=f"text in {name}",
            next_step=f'set source.encoding = "{wide}"' if wide else remedy,
        ) from None  # fmt: skip


def _with_line_feeds(chunks: Iterator[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool]]:
    """CR -> LF, byte for byte, in files whose lines end in CR alone: otherwise the whole file would be one row."""
    is_old: bool | None = None
    for chunk, is_last in chunks:
        if is_old is None:
            is_old = b"\n" not in chunk and b"\r" in (chunk if is_last else chunk[:-1])
        yield (chunk.replace(b"\r", b"\n") if is_old else chunk), is_last


def _read_full(stream: SourceStream) -> bytes:
    parts, missing = [], BLOCK_BYTES
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(_MARK + byte) for byte in error.object[error.start : error.end]), error.end


def undecodable(line: bytes, encoding: str, offset: int | None = None) -> str | None:
    """Why a line is not valid text, or None if it is."""
    try:
        line.decode("utf-8")
        return None
    except UnicodeDecodeError as error:
        if encoding in ("utf-8", "utf-8-sig"):
            place = f"byte {error.start} of the row" + (
                f" (byte {offset + error.start} of the file)" if offset is not None else ""
            )
            return f"byte 0x{line[error.start]:02x} at {place} is not UTF-8" + _hint(line)
    text = line.decode("utf-8", "surrogatepass")
    at = next((at for at, letter in enumerate(text) if _MARK <= ord(letter) < _MARK + 256), 0)
    before = len(text[:at].encode(encoding, "ignore"))
    return f"byte 0x{ord(text[at]) - _MARK & 0xFF:02x} at byte {before} of the row is not {encoding}"


def _hint(line: bytes) -> str:
    other = guess_encoding(line)
    return f'; it reads like {other}: try source.encoding = "{other}"' if other else ""


def show(line: bytes) -> str:
    """A rejected line as text, whatever its bytes are."""
    return line[: 4 * RAW_LIMIT].decode("utf-8", "backslashreplace")


def too_long(reading: Reading, row: int, size: int | None, raw: bytes) -> Reject:
    found = f"{size} bytes" if size is not None else f"more than {BLOCK_BYTES} bytes"
    return reading.reject(
        row,
        "",
        "row_bytes",
        f"{found}; a row may have {reading.source.max_row_bytes} (source.max_row_bytes)",
        show(raw),
    )


def line_ends(data: bytes) -> npt.NDArray[np.int64]:
    """Positions of the line feeds; a last line without one ends with the data."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10).astype(np.int64)
    return ends if data.endswith(b"\n") or not data else np.append(ends, len(data))


def read_lines(reading: Reading, *, skip_blank: bool = False) -> Iterator[Lines]:
    """All lines of a file, split at LF, CR LF, or CR where there is no LF; U+0085 and U+2028 do not end a line.

    With `skip_blank`, blank lines are not records and are not counted.
    """
    row = 1
    with open_source(reading) as stream:
        for block in text_blocks(reading, stream, old_breaks=True):
            lines = _decode_lines(reading, block, row, skip_blank)
            row += len(lines.rows) + len(lines.rejects)
            yield replace(lines, is_unended=True) if block.is_last and _is_unended(block.data) else lines


def _is_unended(data: bytes) -> bool:
    return not data.endswith(b"\n") if data else False


def _decode_lines(reading: Reading, block: Block, first: int, skip_blank: bool) -> Lines:
    if block.overlong:
        return Lines([], [], [too_long(reading, first, None, block.data)])
    if not block.data:
        return Lines([], [], [])
    if int(np.diff(line_ends(block.data), prepend=-1).max()) - 1 <= reading.source.max_row_bytes:
        try:
            texts = block.data.decode("utf-8").removesuffix("\n").split("\n")
            texts = [text.removesuffix("\r") for text in texts if not skip_blank or text.strip()]
            return Lines(list(range(first, first + len(texts))), texts, [])
        except UnicodeDecodeError:
            pass  # line by line below, so that only the invalid lines are rejected
    rows, texts, rejects, offset = [], [], [], block.offset
    row = first
    for line in block.data.removesuffix(b"\n").split(b"\n"):
        offset += len(line) + 1
        if skip_blank and not line.strip():
            continue
        if len(line) > reading.source.max_row_bytes:
            rejects.append(too_long(reading, row, len(line), line))
        elif reason := undecodable(line, reading.source.encoding, offset - len(line) - 1):
            rejects.append(reading.reject(row, "", "encoding", reason, show(line)))
        else:
            rows.append(row)
            texts.append(line.decode("utf-8").removesuffix("\r"))
        row += 1
    return Lines(rows, texts, rejects)
