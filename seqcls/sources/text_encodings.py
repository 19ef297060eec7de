"""Which encoding bytes that are not UTF-8 may have: for messages and for `seqcls init --from`; never used silently.

In: bytes of a text file. Out: the name of an encoding, or none. Of the encodings that can decode the bytes, the one is
named whose characters beyond ASCII are most often letters of its own script, in the places where such letters stand: a
wrong one gives signs, rare letters, two scripts in one word, or hardly any vowels.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

MOST_BYTES = 65_536
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True)
class _Candidate:
    encoding: str
    is_own: Callable[[str], bool]
    """Whether a character is a letter, or a common sign, of its texts."""
    odd: re.Pattern[str] = _NOTHING
    """Where such letters do not stand."""
    vowels: str = ""
    """Letters that make up a third of its texts."""


def _within(first: str, last: str, more: str = "") -> Callable[[str], bool]:
    return lambda letter: first <= letter <= last or letter in more


def _apart_from_latin(first: str, last: str) -> re.Pattern[str]:
    return re.compile(f"[A-Za-z][{first}-{last}]|[{first}-{last}][A-Za-z]")


def _common(encoding: str, first: int, last: int) -> Callable[[str], bool]:
    """Characters of the common rows of a national set."""

    def is_common(letter: str) -> bool:
        try:
            return first <= letter.encode(encoding)[0] <= last
        except UnicodeEncodeError:
            return False

    return is_common


_SIGNS = "€–—‘’“”„…•«»°§\u00a0"
_WESTERN = "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœ½¼¾£©®™"
_CENTRAL = "ąćęłńóśźżáčďéěíňřšťúůýžőűăâîţľĺŕöüä"
_LATIN = re.compile("[\u00c0-\u024f]{3}|[a-z][\u00c0-\u00de]")
_THAI = re.compile(
    "[A-Za-z][\u0e00-\u0e7f]|[\u0e00-\u0e7f][A-Za-z]|[\u0e34-\u0e3a][\u0e31\u0e34-\u0e3a]|[\u0e50-\u0e5b]"
    "|(?:^|[^\u0e01-\u0e2e\u0e31-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
)
_VOWELS = "\u0430\u0435\u0438\u043e\u0443\u044b\u044f\u044e\u0451\u044d"  # Cyrillic
_CYRILLIC = _within("\u0430", "\u044f", "\u0451" + _SIGNS)
_CANDIDATES = (
    _Candidate("cp1252", lambda letter: letter.lower() in _WESTERN or letter in _SIGNS, _LATIN),
    _Candidate("cp1250", lambda letter: letter.lower() in _CENTRAL or letter in _SIGNS, _LATIN),
    _Candidate("cp1254", lambda letter: letter.lower() in "âçğıîöşûü" + _SIGNS, _LATIN),
    _Candidate("cp1251", _CYRILLIC, _apart_from_latin("\u0400", "\u04ff"), _VOWELS),
    _Candidate("koi8-r", _CYRILLIC, _apart_from_latin("\u0400", "\u04ff"), _VOWELS),
    _Candidate("cp1255", _within("\u05d0", "\u05ea", _SIGNS), _apart_from_latin("\u0590", "\u05ff")),
    _Candidate("cp1253", _within("\u03ac", "\u03ce", _SIGNS), _apart_from_latin("\u0370", "\u03ff"),
               "\u03b1\u03b5\u03b7\u03b9\u03bf\u03c5\u03c9\u03ac\u03ad\u03ae\u03af\u03cc\u03cd\u03ce"),
    _Candidate("cp1256", _within("\u0621", "\u0652", _SIGNS + "\u060c\u061f"), _apart_from_latin("\u0600", "\u06ff")),
    _Candidate("cp932", lambda letter: "\u3040" <= letter <= "\u30ff" or _common("cp932", 0x88, 0x97)(letter)),
    _Candidate("cp949", _within("\uac00", "\ud7a3")),
    _Candidate("cp874", _within("\u0e01", "\u0e5b", _SIGNS), _THAI),
    _Candidate("gb18030", _common("gb2312", 0xB0, 0xD7)),
    _Candidate("big5", _common("big5", 0xA4, 0xC6)),
)  # fmt: skip
_LEAST, _LEAST_VOWELS = 0.75, 0.28


def guess_encoding(data: bytes) -> str | None:
    """The likeliest encoding of bytes that are not UTF-8; None for bytes that are no text."""
    data = data[:MOST_BYTES]
    if looks_binary(data):
        return None
    shares = {candidate.encoding: _share(data, candidate) for candidate in _CANDIDATES}
    best = max(shares, key=lambda name: shares[name])  # of equals, the first
    return best if shares[best] >= _LEAST else None


def _share(data: bytes, candidate: _Candidate) -> float:
    """Of the characters beyond ASCII, those that are its own and stand where they should; 0 where it cannot decode."""
    text = _decoded(data, candidate.encoding)
    beyond = [letter for letter in text if letter > "\x7f" and letter not in "\u3000\u3001\u3002\uff0c\uff01\uff1f"]
    if not beyond:
        return 0.0
    if candidate.vowels and sum(letter in candidate.vowels for letter in beyond) < _LEAST_VOWELS * len(beyond):
        return 0.0
    own = sum(map(candidate.is_own, beyond))
    if candidate.encoding == "cp932" and not any("\u3040" <= letter <= "\u30ff" for letter in beyond):
        return 0.0
    return (own - 2 * len(candidate.odd.findall(text))) / len(beyond)


def _decoded(data: bytes, encoding: str) -> str:
    """Empty where it is not of this encoding; the last character may be cut off."""
    for end in range(len(data), max(0, len(data) - 4), -1):
        try:
            return data[:end].decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(data) - 4:
                return ""
    return ""


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by its byte order mark; without one, UTF-16 by the places of its zero bytes; None for others."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for name, places in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(head) >= 8 and places.count(0) > 0.8 * len(places):
            return name
    return None


def looks_binary(head: bytes, separator: str | None = None) -> bool:
    """More control characters than a text has, beside its separator (UTF-16 is text, and looked for before).

    UTF-8 is text, whatever control characters it has; only NUL bytes are in no text.
    """
    most = max(8, 0.02 * len(head))
    if head.count(0) > most:
        return True
    allowed = b"\t\n\r\f\x1a\x1b" + (separator or "").encode()
    return sum(head.count(byte) for byte in range(32) if byte not in allowed) > most and not _is_utf8(head)


def _is_utf8(head: bytes) -> bool:
    """The last character may be cut off."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
