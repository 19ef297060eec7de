"""The day of a file: the last date in its name, else the day of its last change."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcls.scoring.days import day_in_name, day_of


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("incoming/2026-11-22/night.csv", date(2026, 11, 22)),
        ("incoming/night_2026_11_22.csv", date(2026, 11, 22)),
        ("incoming/night-20261122.csv.gz", date(2026, 11, 22)),
        ("2026-11-01/export-2026-11-22.csv", date(2026, 11, 22)),  # the file's own date counts more than its folder's
        ("2026-11-01/export-2026-13-22.csv", date(2026, 11, 1)),  # no such month
        ("batch-120261122.csv", None),  # part of a longer number
        ("batch-2026-1122.csv", None),  # two ways of writing in one
        ("plain.csv", None),
    ],
)
def test_the_last_date_of_a_name_is_its_day(name: str, day: date | None) -> None:
    assert day_in_name(name) == day


@pytest.mark.slow
@given(day=st.dates(date(1900, 1, 1), date(2099, 12, 31)), form=st.sampled_from(["%Y-%m-%d", "%Y_%m_%d", "%Y%m%d"]))
def test_every_date_is_read_back_from_a_name(day: date, form: str) -> None:
    assert day_in_name(f"incoming/of {day.strftime(form)}, second.csv") == day


def test_a_name_without_a_date_has_the_day_of_its_last_change() -> None:
    late = datetime(2026, 11, 22, 23, 59, tzinfo=UTC).timestamp()
    assert day_of("plain.csv", late) == date(2026, 11, 22)
    assert day_of("plain-2025-01-02.csv", late) == date(2025, 1, 2)
