"""ISO 8601 times -> timestamp[us, UTC].

In: text, dates or timestamps. Out: timestamps, and the positions that are not times. Promise: times without a zone are
read in `source.time_zone`; one that does not exist there, or exists twice (daylight saving), is named, never guessed;
so is one outside the years 1 to 9999 (such values are usually misread units, or numbers that overflow).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

UTC = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
_YEARS = (-62_135_596_800, 253_402_300_799)  # 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, in seconds
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}  # nanoseconds end in 2262, within that range
_DAY = 86_400
_ZONED = r"[T ].*(Z|[+-]\d\d(:?\d\d)?)$"


def parse_times(texts: pa.Array, zone: str) -> tuple[pa.Array, dict[int, str]]:
    """Blank cells are missing; everything else must be ISO 8601."""
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    faults: dict[int, str] = {}
    bad = pc.invert(pc.fill_null(pc.match_substring_regex(texts, _ISO), True))
    texts = _drop(texts, bad, faults, "is not an ISO 8601 time such as 2026-03-01T12:00:00Z")
    zoned = pc.fill_null(pc.match_substring_regex(texts, _ZONED), False)
    nothing = pa.scalar(None, pa.string())
    absolute, naive = pc.if_else(zoned, texts, nothing), pc.if_else(zoned, nothing, texts)
    first = _cast(absolute, UTC, faults)
    second, local_faults = localise(_cast(naive, _NAIVE, faults), zone)
    faults.update(local_faults)
    return pc.coalesce(first, second), faults


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


def times_column(column: pa.Array, zone: str) -> tuple[pa.Array, dict[int, str]]:
    """Text, dates or timestamps."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        faults: dict[int, str] = {}
        column = _within_years(column, faults)  # first: a cast to microseconds would overflow silently
        if getattr(column.type, "tz", None):
            return column.cast(UTC, safe=False), faults
        times, more = localise(column.cast(_NAIVE, safe=False), zone)
        return times, faults | more
    times, faults = parse_times(column.cast(pa.string()), zone)
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
