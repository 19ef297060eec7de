"""Where the records of a block end, for all quotes at once; the exact road (`records.py`) takes what is irregular.

A run of L adjacent quotes toggles "inside a quoted field" L times, so the state before a run is the parity of the
quotes before it. Quoting is regular (RFC 4180) exactly if each run that opens stands at the start of a field and each
run that closes at its end. Branch-free parity is the idea of Langdale & Lemire (2019, arXiv:1902.08318), with NumPy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_QUOTE, _LINE_FEED, _RETURN = 34, 10, 13


def record_ends(data: bytes, delimiter: int, most_lines: int, most_bytes: int) -> npt.NDArray[np.int64] | None:
    """Positions of the line feeds (or the end) that end records; None if quoting is irregular or a record too large."""
    letters = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    breaks = np.flatnonzero(letters == _LINE_FEED)
    if not data.endswith(b"\n"):
        breaks = np.append(breaks, len(data))
    if len(quotes) % 2 or not _is_regular(letters, quotes, delimiter):
        return None
    before = np.searchsorted(quotes, breaks)  # quotes before each line break
    is_inside = before % 2 == 1
    lines = 1
    if is_inside.any():
        lines += int(np.bincount(before[is_inside]).max())
    longest = int(np.diff(breaks, prepend=-1).max())
    if lines > most_lines or lines * longest > most_bytes:
        return None
    ends: npt.NDArray[np.int64] = breaks[~is_inside].astype(np.int64)
    return ends


def _is_regular(letters: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp], delimiter: int) -> bool:
    if len(quotes) == 0:
        return True
    opens, closes = quotes[::2], quotes[1::2]
    adjacent = np.diff(quotes) == 1
    if adjacent.any():
        first = np.flatnonzero(np.append(True, ~adjacent))  # of each run, as an index into quotes
        last = np.append(first[1:], len(quotes)) - 1
        opens = quotes[first[first % 2 == 0]]  # runs that begin outside: an even number of quotes stands before
        closes = quotes[last[last % 2 == 1]]  # runs that end outside: an even number of quotes up to here
    return _all_start_field(letters, opens, delimiter) and _all_end_field(letters, closes, delimiter)


def _all_start_field(letters: npt.NDArray[np.uint8], opens: npt.NDArray[np.intp], delimiter: int) -> bool:
    previous = letters[opens[int(opens[0] == 0) :] - 1]
    return bool(np.all((previous == delimiter) | (previous == _LINE_FEED)))


def _all_end_field(letters: npt.NDArray[np.uint8], closes: npt.NDArray[np.intp], delimiter: int) -> bool:
    following = letters[closes[: len(closes) - int(closes[-1] == len(letters) - 1)] + 1]
    return bool(np.all((following == delimiter) | (following == _LINE_FEED) | (following == _RETURN)))
