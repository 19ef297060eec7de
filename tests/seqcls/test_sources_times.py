"""Times as loggers, spreadsheets and databases write them, for rows and for positions within a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from seqcls.config.source import SourceConfig
from tests.seqcls.reading_files import read_bytes


@pytest.mark.parametrize(
    ("written", "form", "utc"),
    [
        ("2031-05-06T07:08:09.1234567Z", None, "2031-05-06T07:08:09.123456+00:00"),
        ("2031-05-06 07:08:09.123456789", None, "2031-05-06T07:08:09.123456+00:00"),
        ("2031-05-06 07:08:09 UTC", None, "2031-05-06T07:08:09+00:00"),
        ("2031-05-06 07:08:09.5 +0200", None, "2031-05-06T05:08:09.500000+00:00"),
        ("2031-05-06 07:08:09 -03:30", None, "2031-05-06T10:38:09+00:00"),
        (" 2031-05-06 07:08:09,250 ", None, "2031-05-06T07:08:09.250000+00:00"),
        ("06.05.2031 07:08", "%d.%m.%Y %H:%M", "2031-05-06T07:08:00+00:00"),
        ("05/06/31 7:08:09.25 PM", "%m/%d/%y %I:%M:%S.%f %p", "2031-05-06T19:08:09.250000+00:00"),
        ("2031-05-06T07:08:09 +0100", "%Y-%m-%dT%H:%M:%S %z", "2031-05-06T06:08:09+00:00"),
        ("1935817689", "unix", "2031-05-06T07:08:09+00:00"),
        ("1935817689.25", "unix", "2031-05-06T07:08:09.250000+00:00"),
        ("1935817689123", "unix_ms", "2031-05-06T07:08:09.123000+00:00"),
        ("1935817689123456789", "unix_ns", "2031-05-06T07:08:09.123456+00:00"),
    ],
)
def test_a_time_is_read_to_the_microsecond(tmp_path: Path, written: str, form: str | None, utc: str) -> None:
    data = f'sequence,label,t\nab,x,"{written}"\nab,x,\n'.encode()
    result = read_bytes(tmp_path, data, time="t", time_format=form)
    assert [time and time.isoformat() for time in result.table["time"].to_pylist()] == [utc, None]


@pytest.mark.parametrize(
    ("written", "form", "reason"),
    [
        ("06.05.2031 07:08", None, 'such as "%d.%m.%Y %H:%M"'),
        ("1935817689123", None, '"unix" or "unix_ms"'),
        ("2031-05-06", "%d.%m.%Y", "'2031-05-06' is not a time of the form '%d.%m.%Y'"),
        ("31.02.2031", "%d.%m.%Y", "'31.02.2031' is not a time of the form"),
        ("soon", "unix", "'soon' is not a number"),
        ("1935817689123", "unix", "lies outside the years 1 to 9999"),
        ("2031-05-06T07:08:09.12345678901", None, "is not an ISO 8601 time"),
    ],
)
def test_what_is_no_time_is_rejected_with_its_value(
    tmp_path: Path, written: str, form: str | None, reason: str
) -> None:
    result = read_bytes(tmp_path, f"sequence,label,t\nab,x,{written}\n".encode(), time="t", time_format=form)
    [(row, rule, found)] = result.refused
    assert (row, rule) == (1, "time")
    assert reason in found


def test_a_form_is_read_in_the_time_zone(tmp_path: Path) -> None:
    data = b"sequence,label,t\na,x,31.03.2030 02:30\nb,x,01.07.2030 02:30\n"
    result = read_bytes(tmp_path, data, time="t", time_format="%d.%m.%Y %H:%M", time_zone="Europe/Berlin")
    assert result.table["time"][0].as_py().isoformat() == "2030-07-01T00:30:00+00:00"
    assert "does not exist or exists twice in Europe/Berlin" in result.refused[0][2]


def test_numbers_since_1970_in_json(tmp_path: Path) -> None:
    data = b'{"sequence": "a", "label": "x", "t": 1935817689}\n{"sequence": "a", "label": "x", "t": 1.935817689e9}\n'
    result = read_bytes(tmp_path, data, name="a.jsonl", format="jsonl", time="t", time_format="unix")
    assert {time.isoformat() for time in result.table["time"].to_pylist()} == {"2031-05-06T07:08:09+00:00"}


@pytest.mark.parametrize("form", ["%d %H", "%Y-%m", "%Q", "unix_minutes"])
def test_a_form_without_a_whole_date_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=r"no year, month or day|not a form of times"):
        SourceConfig(format="csv", files=["a"], time="t", time_format=form)


LONG: dict[str, Any] = {"format": "long", "id": "run", "position": "at", "value": "v"}


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (["2031-05-06T00:00:00.75", "2031-05-06T00:00:00.5", "2031-05-05T23:59:59Z"], None),
        (["2031-05-06 00:00:09 UTC", "2031-05-06 00:00:08 UTC", "2031-05-06 00:00:07 UTC"], None),
        (["05/07/2031 00:10", "05/06/2031 23:50", "05/06/2031 23:40"], "%m/%d/%Y %H:%M"),
        (["1935817689", "1935817688.5", "1935817688"], "unix"),
        (["10", "9", "1e0"], None),
    ],
)
def test_measurements_are_put_in_the_order_of_their_times(tmp_path: Path, times: list[str], form: str | None) -> None:
    lines = [f"{run},{time},{value},up" for run in "ab" for value, time in zip("321", times, strict=True)]
    data = "\n".join(["run,at,v,label", *lines, ""]).encode()
    result = read_bytes(tmp_path, data, "series", **LONG, time_format=form)
    assert result.table["sequence"].type == pa.list_(pa.list_(pa.float32()))
    assert result.series == [[[1.0, 2.0, 3.0]]] * 2


def test_a_position_that_is_no_time_rejects_its_series(tmp_path: Path) -> None:
    data = b"run,at,v,label\na,2031-05-06,1,x\na,tomorrow,2,x\nb,2031-05-06,1,x\nb,7,2,x\nc,2031-05-06,1,x\n"
    result = read_bytes(tmp_path, data, "series", **LONG)
    assert result.series == [[[1.0]]]
    reasons = [reason for _, _, reason in result.refused]
    assert "record 2, at: 'tomorrow' is not an ISO 8601 time" in reasons[0]
    assert "record 4, at: '7' is not an ISO 8601 time" in reasons[1]
