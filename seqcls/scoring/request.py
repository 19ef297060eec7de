"""What a scoring run is asked to do. In: options of the command line or of the Prefect form. Out: a checked record."""

from __future__ import annotations

import re
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from seqcls.errors import ConfigRefused
from seqcls.ledger.models import ModelVersion
from seqcls.registry.versions import champion, take_version
from seqcls.workspace import Workspace


class ScoreRequest(BaseModel):
    """New files, or again what was scored before; of all days or of some."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    rescore: bool = False
    """Score again what was already scored, with the current champion: old scores are kept beside the new ones."""
    since: date | None = None
    """First day (YYYY-MM-DD): the date in a file's name, else the day of its last change."""
    until: date | None = None
    """Last day (YYYY-MM-DD), included."""
    model: str | None = Field(default=None, examples=["v2"])
    """Re-score with this version (v2, or NAME@v2) instead of the champion."""

    def covers(self, day: date) -> bool:
        """Whether a day is in the range; without a range every day is."""
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


def check_request(workspace: Workspace, request: ScoreRequest) -> ModelVersion:
    """The version that the run uses; ConfigRefused where the options contradict each other."""
    if request.since and request.until and request.since > request.until:
        raise ConfigRefused(
            f"--since {request.since} is after --until {request.until}", where="options of the run",
            expected="the first day, then the last", next_step="exchange the two",
        )  # fmt: skip
    if request.model is None:
        return champion(workspace)
    if not request.rescore:
        raise ConfigRefused(
            f"--model {request.model} without --rescore", where="options of the run",
            expected="new files are scored with the champion",
            next_step=f"`seqcls promote {workspace.loaded.path} --version N` makes a version champion, "
            "or add --rescore to score again what was scored before",
        )  # fmt: skip
    return take_version(workspace, _version_number(workspace, request.model))


def _version_number(workspace: Workspace, text: str) -> int:
    found = re.fullmatch(r"(?:(?P<name>[a-z0-9-]+)[@/])?v?(?P<number>\d{1,9})", text)
    if found is None or found["name"] not in (None, workspace.pipeline.name):
        raise ConfigRefused(
            f"{text!r} is no version of {workspace.pipeline.name}", where="options of the run: --model",
            expected=f"v2 or {workspace.pipeline.name}@v2",
            next_step=f"`seqcls models {workspace.loaded.path}` lists the versions",
        )  # fmt: skip
    return int(found["number"])
