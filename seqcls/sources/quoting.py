"""Where the records of a block end, for all quotes at once; the exact path (`records.py`) reads irregular blocks.

A run of L adjacent quotes toggles "inside a quoted field" L times, so the state before a run is the parity of the
quotes before it. Quoting is regular (RFC 4180) exactly if each run that opens stands at the start of a field and each
run that closes at its end. Branch-free parity is the idea of Langdale & Lemire (2019, arXiv:1902.08318), with NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_LINE_FEED, _RETURN = 10, 13
_PIECE = 256 * 1024
Letters = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


def record_ends(data: bytes, delimiter: int, most_lines: int, most_bytes: int, quote: int = 34) -> Positions | None:
    """Positions of the line feeds (or the end) that end records; None if quoting is irregular or a record too large.

    A carriage return is allowed before a line feed only: blocks with others take the exact path.
    """
    letters = np.frombuffer(data, np.uint8)
    quotes = _positions(letters, quote)
    if len(quotes) % 2:
        return None
    opens, closes = _outer(quotes)
    followed = closes[:-1] if letters[-1] == quote else closes
    following = letters[followed + 1]
    if not (_all_end_field(following, delimiter) and _all_start_field(letters, opens, closes, following, delimiter)):
        return None
    breaks = followed[following == _LINE_FEED] + 1
    # If the last field of every record is quoted and no field holds a line break, these are all record ends.
    is_all = len(breaks) == _count(letters, _LINE_FEED)
    breaks = breaks if is_all else _positions(letters, _LINE_FEED)
    if not data.endswith(b"\n"):
        breaks = np.append(breaks, len(data))  # the last record has no line feed and ends with the data
    # The parity of the quotes before a line break says whether it is inside a field.
    last = np.arange(len(breaks)) if is_all else np.flatnonzero(np.searchsorted(quotes, breaks) % 2 == 0)
    ends = breaks[last]
    lines, size = (int(np.diff(places, prepend=-1).max()) for places in (last, ends))
    return None if lines > most_lines or size > most_bytes else ends


def _positions(letters: Letters, wanted: int) -> Positions:
    return np.concatenate([np.flatnonzero(piece == wanted) + start for start, piece in _pieces(letters)])


def _count(letters: Letters, wanted: int) -> int:
    return sum(int(np.count_nonzero(piece == wanted)) for _, piece in _pieces(letters))


def _pieces(letters: Letters) -> Iterator[tuple[int, Letters]]:
    """In parts: a mask of a whole block needs new memory pages each time, which takes twice as long as the search."""
    return ((start, letters[start : start + _PIECE]) for start in range(0, max(len(letters), 1), _PIECE))


def _outer(quotes: Positions) -> tuple[Positions, Positions]:
    """The quotes that open a field and those that close one, in turn; those doubled inside of it are neither."""
    adjacent = np.diff(quotes) == 1
    if not adjacent.any():
        return quotes[::2], quotes[1::2]
    first = np.flatnonzero(np.append(True, ~adjacent))  # of each run, as an index into quotes
    last = np.append(first[1:], len(quotes)) - 1
    # An even number of quotes precedes a run that begins outside, and ends a run that ends outside.
    return quotes[first[first % 2 == 0]], quotes[last[last % 2 == 1]]


def _all_end_field(following: Letters, delimiter: int) -> bool:
    return bool(np.all((following == delimiter) | (following == _LINE_FEED) | (following == _RETURN)))


def _all_start_field(letters: Letters, opens: Positions, closes: Positions, following: Letters, delimiter: int) -> bool:
    """The character before an opening quote is the one after the last closing quote, if no other is in between."""
    is_next = opens[1:] - closes[:-1] == 2
    if np.any(is_next & (following[: len(is_next)] == _RETURN)):
        return False
    previous = letters[opens[np.append(opens[:1] > 0, ~is_next)] - 1]
    return bool(np.all((previous == delimiter) | (previous == _LINE_FEED)))
