"""[schedule]: when the deployments of a pipeline run by themselves, for `seqcls deploy`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from seqcls.config.base import Positive, Section

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
"""Of a cron string, with the least and the largest number."""
NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of the week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d{0,2}))?")


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f'{len(fields)} fields; a cron string has five, such as "30 1 * * *" for every night at 01:30')
    faults = [fault for text, field in zip(fields, FIELDS, strict=True) for fault in _field_faults(text, *field)]
    if faults:
        raise ValueError("; ".join(faults))
    return value


def _field_faults(text: str, name: str, least: int, most: int) -> Iterator[str]:
    """What is wrong with one field of a cron string, such as `1-5` or `*/10`."""
    for part in text.lower().split(","):
        found = _PART.fullmatch(part)
        ends = [_number(end, name, least) for end in (found["first"], found["last"]) if end] if found else [-1]
        if any(not least <= end <= most for end in ends) or ends != sorted(ends):
            yield f"{part!r} is no {name}; expected {least} to {most}, *, or a range such as {least}-{most}"


def _number(text: str, name: str, least: int) -> int:
    """-1 where it is none."""
    if text.isascii() and text.isdecimal():
        return int(text)
    names = NAMES.get(name, ())
    return names.index(text) + least if text in names else -1


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):  # no name, a folder, not found
        raise ValueError('no time zone of this machine; expected a name such as "Europe/Berlin" or "UTC"') from None
    return value


Cron = Annotated[str, Field(max_length=200), AfterValidator(_cron)]


class ScheduleConfig(Section):
    """When `seqcls deploy` lets the pipeline run by itself. The plain commands do not read it."""

    train: Cron | None = None
    """When to train, as a cron string, such as "0 3 * * sun": minute, hour, day of the month, month, day of the week.
    Left out: by hand only."""
    score: Cron | None = None
    """When to score new files, as a cron string, such as "30 1 * * *". Left out: by hand only."""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Time zone of the cron strings, such as "Europe/Berlin"."""
    limit: Positive = 1
    """How many runs of one deployment may work at the same time; one more is cancelled."""

    @model_validator(mode="after")
    def _zone_is_used(self) -> ScheduleConfig:
        if self.timezone != self.default_of("timezone") and self.train is None and self.score is None:
            raise ValueError("timezone has no effect without train or score; remove it, or set one of the two")
        return self
