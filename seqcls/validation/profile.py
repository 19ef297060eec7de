"""Rows -> scalar columns: what the rules check, measured once and vectorised.

In: a batch of the table. Out: `Profile`, one NumPy array of N numbers for each measured column, int64 or float64
(Great Expectations compares only these two without a Python call per row). NaN in `length` marks a row with nothing to
encode: a missing or blank sequence, or a series without any observed value. Expensive columns are measured only if a
rule needs them. The work is done on flat Arrow buffers: a look-up table over bytes, sums between offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import ConfigRefused
from seqcls.store.fingerprints import Offsets, flat_bytes, flat_values
from seqcls.table import Kind, one_array
from seqcls.validation.damage import count_damage

Column = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Profile = dict[str, Column]
Patterns = Mapping[str, str]

NUCLEOTIDES, AMBIGUOUS_NUCLEOTIDES = "ACGTU", "RYSWKMBDHVN"
RESIDUES, AMBIGUOUS_RESIDUES = "ACDEFGHIKLMNPQRSTVWYUO", "XBZJ"

_CLEAR, _AMBIGUOUS, _FOREIGN = 0, 1, 2


def _alphabet(clear: str, ambiguous: str) -> bytes:
    """Byte -> class of character; the second and later bytes of a UTF-8 character count with its first."""
    classes = np.full(256, _FOREIGN, np.uint8)
    classes[0x80:0xC0] = _CLEAR
    for letters, code in ((clear, _CLEAR), (ambiguous, _AMBIGUOUS)):
        classes[np.frombuffer((letters + letters.lower()).encode(), np.uint8)] = code
    return classes.tobytes()


_ALPHABETS: dict[Kind, bytes] = {
    "dna": _alphabet(NUCLEOTIDES, AMBIGUOUS_NUCLEOTIDES),
    "protein": _alphabet(RESIDUES, AMBIGUOUS_RESIDUES),
}
_BLANKS = bytes(byte in b" \t\n\r\v\f" for byte in range(256))
_CONTROLS = bytes((byte < 0x20 and byte not in b"\t\n\r") or byte == 0x7F for byte in range(256))


def measure(sequence: pa.ChunkedArray, kind: Kind, wanted: frozenset[str], patterns: Patterns) -> Profile:
    """Measure the wanted columns of a batch of sequences; `patterns` are RE2, measured as columns of their names."""
    column = one_array(sequence)
    profile = _MEASURES[kind](column, kind, wanted)
    for name, pattern in patterns.items():
        profile[name] = (
            pc.match_substring_regex(column.fill_null(""), pattern).to_numpy(zero_copy_only=False).astype(np.int64)
        )
    return profile


def check_pattern(pattern: str, where: str) -> None:
    """Refuse a pattern that RE2 cannot compile (RE2 matches in linear time: no pattern can hang the run)."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise ConfigRefused(
            f"pattern {pattern!r} is not RE2 ({str(error).splitlines()[0]})", where=where,
            expected="the syntax of RE2: no look-around, no back references", next_step="write it without them",
        ) from None  # fmt: skip


def count_between(flags: npt.NDArray[np.bool_], offsets: Offsets) -> npt.NDArray[np.int64]:
    """Number of set flags of each row, rows without any bytes included."""
    places = np.flatnonzero(flags)
    if len(places) == 0:
        return np.zeros(len(offsets) - 1, np.int64)
    return np.diff(np.searchsorted(places, offsets))


def _measure_text(text: pa.Array, _: Kind, wanted: frozenset[str]) -> Profile:
    data, offsets = flat_bytes(text)
    is_word = ~_look_up(data, _BLANKS).view(bool)
    starts = is_word.copy()
    starts[1:] &= ~is_word[:-1]
    inner = offsets[:-1][np.diff(offsets) > 0]
    starts[inner] = is_word[inner]  # a row's first byte begins a word, whatever the last byte of the row before
    words = count_between(starts, offsets)
    profile: Profile = {}
    if (data >= 0x80).any():  # blanks beyond ASCII: a text with nothing else is blank too
        profile["controls"] = _count_controls(data, offsets)
        words[pc.utf8_is_space(text.fill_null("")).to_numpy(zero_copy_only=False)] = 0
    else:
        profile["controls"] = count_between(_look_up(data, _CONTROLS).view(bool), offsets)
    if "letters" in wanted:
        profile["letters"] = _integers(pc.count_substring_regex(text.fill_null(""), r"[\p{L}\p{N}]"))
    if "damage" in wanted:
        profile["damage"] = count_damage(text, data)
    return {"length": _length(words), **profile}


def _count_controls(data: npt.NDArray[np.uint8], offsets: Offsets) -> npt.NDArray[np.int64]:
    """C0 (but tab and line ends), DEL, and C1, which UTF-8 writes as 0xC2 0x80..0x9F."""
    controls = _look_up(data, _CONTROLS).view(bool).copy()
    lead = np.flatnonzero(data[:-1] == 0xC2)
    controls[lead[(data[lead + 1] >= 0x80) & (data[lead + 1] < 0xA0)]] = True
    return count_between(controls, offsets)


def _measure_residues(letters: pa.Array, kind: Kind, wanted: frozenset[str]) -> Profile:
    data, offsets = flat_bytes(letters)
    sizes = np.diff(offsets)
    if (data >= 0x80).any():
        sizes = _integers(pc.utf8_length(letters.fill_null("")))
    classes = _look_up(data, _ALPHABETS[kind])
    foreign = np.flatnonzero(classes == _FOREIGN) if classes.any() else np.empty(0, np.int64)
    bounds = np.searchsorted(foreign, offsets)
    profile: Profile = {"length": _length(sizes), "foreign": np.diff(bounds)}
    if len(foreign):
        first = foreign[np.minimum(bounds[:-1], len(foreign) - 1)]  # meaningful only where `foreign` > 0
        profile["foreign_byte"], profile["foreign_at"] = data[first].astype(np.int64), first - offsets[:-1] + 1
    else:
        profile["foreign_byte"] = profile["foreign_at"] = np.zeros(len(sizes), np.int64)
    if "ambiguous_share" in wanted:
        profile["ambiguous_share"] = _share(count_between(classes == _AMBIGUOUS, offsets), sizes)
    return profile


def _measure_tokens(tokens: pa.Array, _: Kind, __: frozenset[str]) -> Profile:
    rows = tokens.offsets.to_numpy().astype(np.int64)
    missing = pc.is_null(tokens.values.slice(rows[0], rows[-1] - rows[0])).to_numpy(zero_copy_only=False)
    return {"length": _length(np.diff(rows)), "missing_tokens": count_between(missing, rows - rows[0])}


def _measure_series(series: pa.Array, _: Kind, wanted: frozenset[str]) -> Profile:
    """Values are those of all channels; length is that of the longest channel, in time points."""
    values, bounds, rows = flat_values(series)
    starts = series.values.offsets.to_numpy().astype(np.int64)
    points = np.diff(starts)[rows[0] : rows[-1]]
    sizes, channels = np.diff(bounds), np.diff(rows)
    longest, shortest = _reduce(np.maximum, points, rows - rows[0], 0), _reduce(np.minimum, points, rows - rows[0], 0)
    missing, infinite = np.isnan(values), np.isinf(values)
    observed = sizes - count_between(missing, bounds)
    profile: Profile = {
        "length": np.where(observed > 0, longest, np.nan),
        "channels": channels,
        "uneven": (longest != shortest).astype(np.int64),
        "not_finite": count_between(infinite, bounds),
        "missing_share": _share(sizes - observed, sizes),
    }
    if wanted & {"constant"}:
        per_channel = starts[rows[0] : rows[-1] + 1] - starts[rows[0]]
        spread = _reduce(np.fmax, values, per_channel, np.nan) != _reduce(np.fmin, values, per_channel, np.nan)
        varies = spread & ~np.isnan(_reduce(np.fmax, values, per_channel, np.nan))
        changing = count_between(varies, rows - rows[0])
        profile["constant"] = ((changing == 0) & (observed > channels)).astype(np.int64)
    if wanted & {"minimum", "maximum", "mean", "deviation"}:
        profile |= _moments(values.astype(np.float64), missing, bounds, observed)
    return profile


def _moments(
    values: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_], bounds: Offsets, observed: npt.NDArray[np.int64]
) -> Profile:
    """Over the observed values of each row; deviation is that of the population (divided by n)."""
    sizes = np.diff(bounds)
    some = np.maximum(observed, 1)
    lowest, highest = _reduce(np.fmin, values, bounds, np.nan), _reduce(np.fmax, values, bounds, np.nan)
    with np.errstate(invalid="ignore"):  # infinite values: rejected by the rule `finite`
        mean = _reduce(np.add, np.where(missing, 0.0, values), bounds, 0.0) / some
        squares = np.where(missing, 0.0, values - np.repeat(mean, sizes)) ** 2
        deviation = np.sqrt(_reduce(np.add, squares, bounds, 0.0) / some)
    none = observed == 0
    mean[none] = deviation[none] = np.nan
    return {"minimum": lowest, "maximum": highest, "mean": mean, "deviation": deviation}


def _reduce(
    operation: np.ufunc, values: npt.NDArray[np.generic], offsets: Offsets, empty: float
) -> npt.NDArray[np.float64]:
    """`operation` over the values of each row; rows without values get `empty` (reduceat would use a neighbour's)."""
    full = np.diff(offsets) > 0
    result: npt.NDArray[np.float64] = np.full(len(full), empty, np.float64)
    if full.any():
        result[full] = operation.reduceat(values, offsets[:-1][full])
    return result


def _look_up(data: npt.NDArray[np.uint8], classes: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data.tobytes().translate(classes), np.uint8)


def _length(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(counts > 0, counts, np.nan)


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _integers(column: pa.Array) -> npt.NDArray[np.int64]:
    integers: npt.NDArray[np.int64] = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return integers


_MEASURES: dict[Kind, Callable[[pa.Array, Kind, frozenset[str]], Profile]] = {
    "text": _measure_text,
    "dna": _measure_residues,
    "protein": _measure_residues,
    "tokens": _measure_tokens,
    "series": _measure_series,
}
