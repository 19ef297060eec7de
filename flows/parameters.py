"""The form to start a run by hand; the server refuses unknown fields."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from seqcls.scoring.request import ScoreRequest


class RunParams(BaseModel):
    """One parameter of the flows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str = Field(
        description="Pipeline file (TOML), relative to the project folder", examples=["configs/ecg.toml"]
    )


class ScoreParams(RunParams):
    """Parameters of the score flow: with only a config, all new files are scored."""

    rescore: bool = Field(
        default=False,
        description="Score again what was already scored, with the current champion; old scores are kept",
    )
    since: date | None = Field(
        default=None, description="First day: the date in a file's name, otherwise the day of its last change"
    )
    until: date | None = Field(default=None, description="Last day, inclusive")
    model: str | None = Field(
        default=None, description="Score again with this version instead of the champion", examples=["v2"]
    )
    dry_run: bool = Field(default=False, description="Only list what would be scored")

    @property
    def request(self) -> ScoreRequest:
        return ScoreRequest(rescore=self.rescore, since=self.since, until=self.until, model=self.model)
