"""The forms to start a run by hand in the UI: flat, typed, with a title, a help text and choices for each field.

In: what a person typed, or a schedule's defaults. Out: checked records. The server checks the same schema before it
makes a run (`form_schema`), and refuses fields that a form does not have.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from prefect.utilities.callables import ParameterSchema
from pydantic import BaseModel, ConfigDict, Field

from seqcls.config import ChangedConfig
from seqcls.config.base import Duration
from seqcls.config.families import family_names
from seqcls.scoring.request import ScoreRequest

Family = StrEnum("Family", {name: name for name in family_names()})  # type: ignore[misc]
Version = Annotated[str, Field(pattern=r"^v?[1-9]\d{0,8}$")]
Who = Annotated[str, Field(min_length=1, max_length=100)]
Why = Annotated[str, Field(min_length=1, max_length=500)]


class RunParams(BaseModel):
    """Which pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str = Field(
        title="Pipeline file", description="TOML, relative to the project folder", examples=["configs/ecg.toml"]
    )


class TrainParams(RunParams):
    """A training. What is left empty is as the pipeline file says; the file itself is never changed."""

    family: Family | None = Field(
        default=None, title="Model family",
        description="Another family than in the pipeline file; it starts from its own defaults. Empty: as in the file",
    )  # fmt: skip
    epochs: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None,
        title="Epochs",
        description="Maximum number of passes over the rows. Empty: as in the file",
    )
    budget: Duration | None = Field(
        default=None, title="Time budget", examples=["30m"],
        description='Only for the family "auto": time of the whole run, such as 90s or 1h30m. Empty: as in the file',
    )  # fmt: skip
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = Field(
        default=None, title="Seed", description="Of the initial weights and the order of rows. Empty: as in the file"
    )

    @property
    def chosen(self) -> ChangedConfig:
        """The pipeline file with the changes of this run."""
        given = {"model.family": self.family and str(self.family), "train.epochs": self.epochs,
                 "train.budget": self.budget, "seed": self.seed}  # fmt: skip
        return ChangedConfig(
            path=self.config, changes={key: value for key, value in given.items() if value is not None}
        )


class ScoreParams(RunParams):
    """A scoring run: with only a config, all new files are scored."""

    rescore: bool = Field(
        default=False, title="Score again",
        description="Score again what was already scored, with the current champion; old scores are kept",
    )  # fmt: skip
    since: date | None = Field(
        default=None, title="First day", description="The date in a file's name, otherwise the day of its last change"
    )
    until: date | None = Field(default=None, title="Last day", description="Inclusive")
    model: str | None = Field(
        default=None, title="Model version", examples=["v2"],
        description="Score again with this version instead of the champion",
    )  # fmt: skip
    dry_run: bool = Field(default=False, title="Only list", description="Only list what would be scored")

    @property
    def request(self) -> ScoreRequest:
        return ScoreRequest(rescore=self.rescore, since=self.since, until=self.until, model=self.model)


class PromoteParams(RunParams):
    """Make a version champion, if it passes the gate; or answer for the version that waits for a person."""

    answer: Literal["yes", "no"] | None = Field(
        default=None, title="Answer", description="For the version that waits for a person; needs a reason"
    )

    version: Version | None = Field(
        default=None, title="Model version", examples=["v2"], description="Empty: the newest version"
    )
    force: bool = Field(
        default=False, title="Against the gate", description="Promote even if the gate says no; needs a reason"
    )
    why: Why | None = Field(default=None, title="Why", description="Reason, kept with the decision")
    who: Who | None = Field(default=None, title="Your name", description="Kept with the decision")


class RollbackParams(RunParams):
    """Return to an earlier champion."""

    to: Version | None = Field(
        default=None, title="Model version", examples=["v1"],
        description="An earlier champion. Empty: the one before the present champion",
    )  # fmt: skip
    why: Why | None = Field(default=None, title="Why", description="Reason, kept with the move of the champion")


class CleanParams(RunParams):
    """Delete artefacts that no version, score or open input needs."""

    keep: Annotated[int, Field(ge=1)] | None = Field(
        default=None, title="Newest versions to keep",
        description="Champions and versions that scored are always kept. Empty: all versions",
    )  # fmt: skip
    age: Annotated[float, Field(ge=0)] = Field(
        default=1.0, title="Age in days", description="Artefacts that are younger are kept"
    )
    dry_run: bool = Field(default=True, title="Only list", description="Only list what would be deleted")


def form_schema(form: type[RunParams], config: str | None = None) -> dict[str, Any]:
    """What the server checks and the UI shows; with `config`, that pipeline is the only choice."""
    schema = form.model_json_schema(mode="validation", ref_template="#/definitions/{model}")
    for position, (name, field) in enumerate(schema["properties"].items()):
        schema["properties"][name] = _without_null(field, schema.get("$defs", {})) | {"position": position}
    if config is not None:
        schema["properties"]["config"] |= {"enum": [config], "default": config}
    return {
        "title": "Parameters", "type": "object", "properties": schema["properties"],
        "required": schema.get("required", []), "definitions": {}, "additionalProperties": False,
    }  # fmt: skip


def _without_null(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A field that may be left out, as the type that it has otherwise: the UI would ask which of the two is meant."""
    if "anyOf" not in field:
        return field
    [kind] = [one for one in field["anyOf"] if one != {"type": "null"}]
    kind = definitions[kind["$ref"].rpartition("/")[2]] if "$ref" in kind else kind
    return kind | {key: value for key, value in field.items() if key not in ("anyOf", "default")}


def parameter_schema_of(form: type[RunParams]) -> ParameterSchema:
    """The same for Prefect's own record, which has no place for `additionalProperties`."""
    return ParameterSchema(**{key: value for key, value in form_schema(form).items() if key != "additionalProperties"})


def version_number(text: str | None) -> int | None:
    """ "v2" and "2" are the same."""
    return None if text is None else int(text.removeprefix("v"))
