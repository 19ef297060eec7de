"""Times, ISO 8601 or in the form of `source.time_format` -> timestamp[us, UTC].

In: text, dates, timestamps or, for "unix" forms, numbers. Out: timestamps, and the positions that are not times.
Promise: times without a zone are read in `source.time_zone`; one that does not exist there, or exists twice (daylight
saving), is named, never guessed; so is one outside the years 1 to 9999 (such values are usually misread units, or
numbers that overflow). Digits below the microsecond are cut.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.source import SourceConfig
from seqcls.sources.numbers import Notation, parse_flat

UTC = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
# As loggers and databases write the same: blanks around, ",5" for ".5", 7 to 9 digits, " UTC", a blank before +0100.
_VARIANTS = ((r"^\s+|\s+$", ""), (r"(:\d\d),(\d)", r"\1.\2"), (r"(\.\d{6})\d{1,3}(\D|$)", r"\1\2"),
             (r"(:\d\d(?:\.\d+)?) ?(?:UTC|GMT)$", r"\1Z"), (r"(:\d\d(?:\.\d+)?) ([+-]\d\d)", r"\1\2"))  # fmt: skip
UNIX_UNITS = {"unix": 1_000_000, "unix_ms": 1000, "unix_us": 1, "unix_ns": 0.001}
"""Forms of `source.time_format` for numbers since 1970 -> microseconds of one unit."""
_NUMBER = r"^-?\d{1,19}(\.\d*)?([eE]\+?\d+)?$"
_YEARS = (-62_135_596_800, 253_402_300_799)  # 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, in seconds
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}  # nanoseconds end in 2262, within that range
_DAY = 86_400
_ZONED = r"[T ].*(Z|[+-]\d\d(:?\d\d)?)$"


def parse_times(texts: pa.Array, zone: str, form: str | None = None) -> tuple[pa.Array, dict[int, str]]:
    """Blank cells are missing; everything else must be ISO 8601, or of the form."""
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    if form in UNIX_UNITS:
        return _since_1970(texts, form)
    if form is not None:
        return _of_form(texts, zone, form)
    faults: dict[int, str] = {}
    bad = pc.invert(pc.fill_null(pc.match_substring_regex(texts, _ISO), True))
    if pc.any(bad).as_py():
        written = texts
        for pattern, plain in _VARIANTS:
            texts = pc.replace_substring_regex(texts, pattern, plain)
        bad = pc.invert(pc.fill_null(pc.match_substring_regex(texts, _ISO), True))
        _name_faults(written, bad, faults)
        texts = pc.if_else(bad, pa.scalar(None, pa.string()), texts)
    zoned = pc.fill_null(pc.match_substring_regex(texts, _ZONED), False)
    nothing = pa.scalar(None, pa.string())
    absolute, naive = pc.if_else(zoned, texts, nothing), pc.if_else(zoned, nothing, texts)
    first = _cast(absolute, UTC, faults)
    second, local_faults = localise(_cast(naive, _NAIVE, faults), zone)
    faults.update(local_faults)
    return pc.coalesce(first, second), faults


def positions_of(
    cells: pa.Array, source: SourceConfig, notation: Notation, are_times: bool | None
) -> tuple[npt.NDArray[np.float64], dict[int, str], bool | None]:
    """Numbers, or times as microseconds since 1970; what most cells of the first block are, all are."""
    numbers, faults = parse_flat(cells, notation)
    if are_times is None and len(cells):
        are_times = source.time_format is not None or len(faults) > np.isfinite(numbers).sum()
    if not are_times:
        return numbers, faults, are_times
    times, faults = parse_times(cells, source.time_zone, source.time_format)
    # float64 holds microseconds exactly until the year 2255
    return times.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64), faults, are_times


def _name_faults(texts: pa.Array, bad: pa.Array, faults: dict[int, str]) -> None:
    for index in pc.indices_nonzero(bad).to_pylist():
        text = texts[index].as_py()
        is_number = text.strip().lstrip("-").replace(".", "", 1).isdigit()
        other = '"unix" or "unix_ms"' if is_number else 'such as "%d.%m.%Y %H:%M"'
        faults[index] = f"{text[:60]!r} is not an ISO 8601 time (source.time_format names another form: {other})"


def _since_1970(texts: pa.Array, form: str) -> tuple[pa.Array, dict[int, str]]:
    texts = pc.utf8_trim_whitespace(texts)
    faults: dict[int, str] = {}
    bad = pc.invert(pc.fill_null(pc.match_substring_regex(texts, _NUMBER), True))
    texts = _drop(texts, bad, faults, f"is not a number, and source.time_format is {form!r}")
    micros: list[int | None] = []
    for index, text in enumerate(texts.to_pylist()):
        micros.append(None if text is None else int(Decimal(text) * Decimal(str(UNIX_UNITS[form]))))
        if micros[-1] is not None and not _YEARS[0] * 10**6 <= micros[-1] < (_YEARS[1] + 1) * 10**6:
            faults[index], micros[-1] = f"{text} as {form} lies outside the years 1 to 9999", None
    return pa.array(micros, pa.int64()).view(_NAIVE).cast(UTC), faults


def _of_form(texts: pa.Array, zone: str, form: str) -> tuple[pa.Array, dict[int, str]]:
    """Read by pandas, which knows all directives of strptime, also fractions of seconds and offsets."""
    import pandas

    column = texts.to_pandas().astype("object")
    found = pandas.to_datetime(column, format=form, errors="coerce", utc="%z" in form)
    faults = {
        int(index): f"{texts[int(index)].as_py()[:60]!r} is not a time of the form {form!r} (source.time_format)"
        for index in np.flatnonzero(found.isna() & column.notna())
    }
    if "%z" in form:
        return pa.array(found.dt.tz_convert(None), _NAIVE).cast(UTC), faults
    times, more = localise(pa.array(found, _NAIVE), zone)
    return times, faults | more


def localise(naive: pa.Array, zone: str) -> tuple[pa.Array, dict[int, str]]:
    """Local times of a zone -> UTC. In a gap or an overlap, earliest != latest."""
    early = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest").cast(UTC)
    late = pc.assume_timezone(naive, zone, ambiguous="latest", nonexistent="latest").cast(UTC)
    unclear = pc.fill_null(pc.not_equal(early, late), False)
    faults = {
        index: f"{naive[index].as_py().isoformat()} does not exist or exists twice in {zone}; write the offset from UTC"
        for index in pc.indices_nonzero(unclear).to_pylist()
    }
    return pc.if_else(unclear, pa.scalar(None, UTC), early), faults


def times_column(column: pa.Array, zone: str, form: str | None = None) -> tuple[pa.Array, dict[int, str]]:
    """Text, dates, timestamps or numbers."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        faults: dict[int, str] = {}
        column = _within_years(column, faults)  # first: a cast to microseconds would overflow silently
        if getattr(column.type, "tz", None):
            return column.cast(UTC, safe=False), faults
        times, more = localise(column.cast(_NAIVE, safe=False), zone)
        return times, faults | more
    times, faults = parse_times(column.cast(pa.string()), zone, form)
    return _within_years(times, faults), faults


def _within_years(column: pa.Array, faults: dict[int, str]) -> pa.Array:
    """Null, and a fault, where a time or date lies outside the years 1 to 9999."""
    bounds = _bounds(column.type)
    if bounds is None:
        return column
    ticks = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64()).cast(pa.int64())
    outside = pc.fill_null(pc.or_(pc.less(ticks, bounds[0]), pc.greater(ticks, bounds[1])), False)
    for index in pc.indices_nonzero(outside).to_pylist():
        faults[index] = f"{ticks[index]} as {column.type} lies outside the years 1 to 9999"
    return pc.if_else(outside, pa.scalar(None, column.type), column)


def _bounds(kind: pa.DataType) -> tuple[int, int] | None:
    """First and last number of a type within these years; None if all are."""
    first, last = _YEARS
    if pa.types.is_date32(kind):
        return first // _DAY, last // _DAY
    if pa.types.is_date64(kind):
        return first * 1000, last * 1000
    ticks = _PER_SECOND.get(kind.unit)
    return (first * ticks, (last + 1) * ticks - 1) if ticks else None


def _cast(texts: pa.Array, kind: pa.DataType, faults: dict[int, str]) -> pa.Array:
    try:
        return pc.cast(texts, kind)
    except pa.ArrowInvalid:  # a day that does not exist, such as 30 February: find which
        good: list[int | None] = []  # microseconds: Python has no times outside the years 1 to 9999
        for index, text in enumerate(texts):
            try:
                good.append(pc.cast(text, kind).value)
            except pa.ArrowInvalid:
                faults[index] = f"{text.as_py()!r} is not a time that the calendar has"
                good.append(None)
        return pa.array(good, pa.int64()).view(kind)


def _drop(texts: pa.Array, bad: pa.Array, faults: dict[int, str], reason: str) -> pa.Array:
    for index in pc.indices_nonzero(bad).to_pylist():
        faults[index] = f"{texts[index].as_py()[:60]!r} {reason}"
    return pc.if_else(bad, pa.scalar(None, pa.string()), texts)
