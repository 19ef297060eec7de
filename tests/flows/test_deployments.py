"""On a real server with a real worker: prefect.yaml deploys, schedules make runs, training and scoring complete."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.flows.stack import Stack
from tests.road_data import write_project, write_rows

pytestmark = [pytest.mark.server, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
SECONDS = 240


@pytest.fixture(scope="module")
def project(stack: Stack) -> Path:
    """A small pipeline and a night of files."""
    write_rows(stack.project / "incoming" / "night.csv", 100, seed=1, labelled=False, extra=[["empty", ""]])
    write_project(stack.project)
    return stack.project


def run(stack: Stack, deployment: str, config: str) -> dict[str, Any]:
    """Start a run as the UI does, wait for its end."""
    number = stack.begin(deployment, config)
    stack.wait(number)
    return dict(stack.ask("GET", f"/flow_runs/{number}"))


def artifacts(stack: Stack, run: str) -> set[str]:
    body = {"artifacts": {"flow_run_id": {"any_": [run]}}}
    return {str(item["key"]) for item in stack.ask("POST", "/artifacts/filter", body)}


def test_schedules_make_runs(stack: Stack) -> None:
    """An unpinned SQLAlchemy or FastAPI leaves a server that looks healthy and never schedules."""
    wanted = {UUID(stack.ask("GET", f"/deployments/name/{name}")["id"]) for name in ("train/weekly", "score/nightly")}
    deadline = time.monotonic() + SECONDS
    found: set[UUID] = set()
    while found != wanted:
        assert time.monotonic() < deadline, "no scheduled runs were made"
        time.sleep(1)
        body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        found = {UUID(run["deployment_id"]) for run in stack.ask("POST", "/flow_runs/filter", body)}


def test_deploying_again_changes_nothing(stack: Stack) -> None:
    names = {item["name"] for item in stack.ask("POST", "/deployments/filter", {})}
    assert names >= {"weekly", "manual", "nightly"}
    automations = stack.ask("POST", "/automations/filter", {})
    assert {item["name"] for item in automations} == {
        "seqcls: crash runs without heartbeat",
        "seqcls: crash runs that never start",
    }


@pytest.mark.fault(
    "N07",
    tried="a worker under umask 022, as a shell or a supervisor starts it",
    outcome="scores and rejects can be entered, read and written by their user alone",
)
def test_training_then_scoring_run_to_completed(stack: Stack, project: Path) -> None:
    trained = run(stack, "train/manual", "pairs.toml")
    assert trained["state_type"] == "COMPLETED", trained["state"]
    assert trained["name"] == "train-pairs v1"
    assert {
        "pairs-files",
        "pairs-checks",
        "pairs-splits",
        "pairs-encoded",
        "pairs-epochs",
        "pairs-model-card",
        "pairs-decision",
    } <= artifacts(stack, trained["id"])

    scored = run(stack, "score/nightly", "pairs.toml")
    assert [path for path in (project / "scores").rglob("*") if path.stat().st_mode & 0o077] == []
    assert scored["state_type"] == "COMPLETED", scored["state"]
    assert {"pairs-scored-files", "pairs-scoring-run"} <= artifacts(stack, scored["id"])
    assert len(list((project / "scores").glob("model=v1/*/*.parquet"))) == 3

    again = run(stack, "score/nightly", "pairs.toml")
    assert again["state_type"] == "COMPLETED"
    assert len(list((project / "scores").glob("model=*/*/*.parquet"))) == 3


def test_a_wrong_config_fails_at_once_with_its_message(stack: Stack, project: Path) -> None:
    (project / "typo.toml").write_text((project / "pairs.toml").read_text().replace("epochs", "epoch"))
    started = time.monotonic()
    failed = run(stack, "train/manual", "typo.toml")
    assert failed["state_type"] == "FAILED"
    assert "did you mean 'epochs'" in failed["state"]["message"]
    assert failed["name"] == "train-typo"
    assert time.monotonic() - started < 60, "bad data and configs are never retried"


def test_an_unknown_parameter_is_refused_by_the_server(stack: Stack) -> None:
    found = stack.ask("GET", "/deployments/name/train/manual")
    body = {"parameters": {"config": "pairs.toml", "sede": 1}}
    answer = stack.client.post(f"/deployments/{found['id']}/create_flow_run", json=body)
    assert answer.status_code == 409
    assert "sede" in answer.text
