"""What a person fills in to start a run by hand; unknown fields are refused by the server."""

from __future__ import annotations

from pathlib import Path

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused


class RunParams(BaseModel):
    """One parameter of the flows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str = Field(
        description="Pipeline file (TOML), relative to the project folder", examples=["configs/ecg.toml"]
    )


def name_run() -> str:
    """`train-ecg`: the flow and its pipeline; a config that cannot be read gives the file's name."""
    params = flow_run.get_parameters()["params"]
    config = params.config if isinstance(params, RunParams) else params["config"]
    try:
        pipeline = load_pipeline(config).pipeline.name
    except ConfigRefused:
        pipeline = Path(config).stem
    return f"{flow_run.get_flow_name()}-{pipeline}"
