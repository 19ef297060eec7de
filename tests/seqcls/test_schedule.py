"""[schedule]: cron strings and zones are checked before a server sees them, and change no stage's key."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.schemas.schedules import CronSchedule

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused
from tests.road_data import write_project


def with_schedule(folder: Path, lines: str) -> Path:
    config = write_project(folder)
    config.write_text(config.read_text() + f"\n[schedule]\n{lines}\n")
    return config


@pytest.mark.parametrize(
    "cron", ["30 1 * * *", "*/10 0-6,22 * * mon-fri", "0 3 1 jan,jul *", "0 3 * * 7", "5 4 * * SUN"]
)
def test_cron_strings_that_prefect_takes_too(tmp_path: Path, cron: str) -> None:
    found = load_pipeline(with_schedule(tmp_path, f'score = "{cron}"\ntimezone = "Europe/Berlin"')).pipeline.schedule
    assert (found.score, found.limit) == (cron, 1)
    CronSchedule(cron=cron, timezone=found.timezone)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('train = "0 3 * *"', "4 fields; a cron string has five"),
        ('train = "60 3 * * *"', "'60' is no minute; expected 0 to 59"),
        ('train = "0 3 0 * *"', "'0' is no day of the month"),
        ('train = "0 5-3 * * *"', "'5-3' is no hour"),
        ('train = "0 3 * * monday"', "'monday' is no day of the week"),
        ('train = "@daily"', "1 fields"),
        ('train = "0 3 * * *"\ntimezone = "Berlin"', "no time zone of this machine"),
        ('train = "0 3 * * *"\ntimezone = "../etc/passwd"', "no time zone of this machine"),
        ('timezone = "Europe/Berlin"', "timezone has no effect without train or score"),
        ('watch = "0 3 * * *"', "unknown key"),
        ("limit = 0", "greater than or equal to 1"),
    ],
)
def test_what_would_never_run_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(ConfigRefused, match=said):
        load_pipeline(with_schedule(tmp_path, lines))


def test_without_a_schedule_a_pipeline_is_written_as_before(tmp_path: Path) -> None:
    assert "schedule" not in load_pipeline(write_project(tmp_path)).pipeline.model_dump()
