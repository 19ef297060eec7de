"""prefect.yaml names flows that load; a flow that does not load is an error, not a placeholder."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

from seqcls.config import load_pipeline

ROOT = Path(__file__).parents[2]


def deployments() -> list[dict[str, object]]:
    return list(yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"])


@pytest.mark.parametrize("deployment", deployments(), ids=lambda item: str(item["name"]))
def test_each_deployment_names_a_flow_and_a_pipeline_that_load(deployment: dict[str, object]) -> None:
    flow = load_flow_from_entrypoint(str(deployment["entrypoint"]))
    assert isinstance(flow, Flow)
    parameters = deployment["parameters"]
    assert isinstance(parameters, dict)
    flow.validate_parameters(parameters)
    load_pipeline(ROOT / parameters["config"])


def test_the_three_kinds_of_work_are_deployed() -> None:
    cron = {item["name"]: item["schedules"][0]["cron"] for item in deployments() if "schedules" in item}  # type: ignore[index]
    assert cron == {"weekly": "0 3 * * 0", "nightly": "30 1 * * *"}
    assert {str(item["name"]) for item in deployments()} == {"weekly", "manual", "nightly"}


def test_a_broken_flow_module_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_flow_module.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        load_flow_from_entrypoint("broken_flow_module.flow")
