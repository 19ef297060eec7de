"""[alert]: who is told when something needs a person."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from seqcls.config.base import LocalPath, Section, Share, Variable

About = Literal["failed", "refused_files", "rejects", "unlike_training", "gate", "approval", "no_night"]
ALL: tuple[About, ...] = get_args(About)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone; write one such as Europe/Berlin or UTC") from None
    return name


class AlertConfig(Section):
    """Messages about what needs a person; each fault is told once."""

    later_keys: ClassVar = frozenset({"to_env", "file", "about", "reject_share", "night_by", "time_zone"})

    to_env: list[Variable] = []
    """Names of environment variables that hold an address: https://... (a webhook, also one of Slack) gets JSON; any
    other, such as mailto://, goes through Apprise if it is installed."""
    file: LocalPath | None = None
    """A file that gets one line of JSON for each message, relative to the pipeline file."""
    about: list[About] = list(ALL)
    """What is told: a run failed; files were refused; many rows were rejected; most rows of a file are unlike those of
    the training; the gate refused a model; a decision waits for a person; no scoring run ended in the 24 hours before
    `night_by`."""
    reject_share: Share = 0.1
    """Share of the rows of a scoring run that may be rejected before somebody is told."""
    night_by: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """Time of the day, such as "06:00", by which a night must be scored. Looked at by each run, and by `seqcls doctor
    CONFIG`, which a timer can start."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Of `night_by`."""

    @property
    def is_on(self) -> bool:
        return bool(self.to_env or self.file)

    @model_validator(mode="after")
    def _somebody_is_told(self) -> AlertConfig:
        unused = sorted(name for name in self.model_fields_set if getattr(self, name) != self.default_of(name))
        if unused and not self.is_on:
            raise ValueError(f"{unused[0]} has no effect without to_env or file; name one of these")
        if self.time_zone != "UTC" and self.night_by is None:
            raise ValueError("time_zone is that of night_by; leave it out, or set night_by")
        return self
