"""The day of a file: what `--since` and `--until` ask for.

In: a name and a time. Out: a date. The rule: the last date in the name, folders included (2026-11-22, 2026_11_22 or
20261122), so that a late file belongs to the day it is about; without one, the day (UTC) of its last change when it
was first seen.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Row

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_]?)(\d\d)\2(\d\d)(?!\d)")


def day_in_name(name: str) -> date | None:
    """The last date that stands in a name; digits that are no date of the calendar count for nothing."""
    for found in reversed(list(_DATE.finditer(name))):
        try:
            return date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            continue
    return None


def day_of(name: str, seconds: float) -> date:
    """The day of a file by its name, else by a time in seconds since 1970."""
    return day_in_name(name) or datetime.fromtimestamp(seconds, UTC).date()


def day_of_input(row: Row[Any]) -> date:
    """The day of an input of the ledger; rows of an older release have none written down."""
    return date.fromisoformat(row.day) if row.day else day_of(row.name, row.seen_at)
