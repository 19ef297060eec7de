"""ISO 8601 times -> timestamp[us, UTC].

In: text or timestamps. Out: timestamps and the positions that are none. Promise: times without a zone are read in
`source.time_zone`; one that does not exist there, or exists twice (daylight saving), is named, never guessed.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

UTC = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$"
_ZONED = r"[T ].*(Z|[+-]\d\d(:?\d\d)?)$"


def parse_times(texts: pa.Array, zone: str) -> tuple[pa.Array, dict[int, str]]:
    """Blank is missing; everything else must be ISO 8601."""
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
    """Local times of a zone -> UTC. A gap or an overlap shows as earliest != latest."""
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
    if pa.types.is_timestamp(column.type):
        if column.type.tz:
            return column.cast(UTC, safe=False), {}
        return localise(column.cast(_NAIVE, safe=False), zone)
    if pa.types.is_date(column.type):
        return localise(column.cast(_NAIVE), zone)
    return parse_times(column.cast(pa.string()), zone)


def _cast(texts: pa.Array, kind: pa.DataType, faults: dict[int, str]) -> pa.Array:
    try:
        return pc.cast(texts, kind)
    except pa.ArrowInvalid:  # some day that no calendar has: find which
        good: list[object] = []
        for index, text in enumerate(texts):
            try:
                good.append(pc.cast(text, kind).as_py())
            except pa.ArrowInvalid:
                faults[index] = f"{text.as_py()!r} is not a time that the calendar has"
                good.append(None)
        return pa.array(good, kind)


def _drop(texts: pa.Array, bad: pa.Array, faults: dict[int, str], reason: str) -> pa.Array:
    for index in pc.indices_nonzero(bad).to_pylist():
        faults[index] = f"{texts[index].as_py()[:60]!r} {reason}"
    return pc.if_else(bad, pa.scalar(None, pa.string()), texts)
