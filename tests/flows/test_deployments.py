"""On a real server with a real worker: prefect.yaml deploys, schedules make runs, training and scoring complete."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.flows.server import environment, free_port, prefect_server, prefect_worker
from tests.road_data import write_project, write_rows

pytestmark = [pytest.mark.server, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
SECONDS = 240


class Deployed:
    """A running server and worker, and the little of the REST API that the tests need."""

    def __init__(self, client: httpx.Client, project: Path, log: Path) -> None:
        self.client, self.project, self.log = client, project, log

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def run(self, deployment: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start a run as the UI does, wait for its end."""
        found = self.get(f"/deployments/name/{deployment}")
        body = {"parameters": {"params": params}} if params else {}
        run = self.post(f"/deployments/{found['id']}/create_flow_run", body)
        deadline = time.monotonic() + SECONDS
        while run["state_type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            assert time.monotonic() < deadline, (
                f"{deployment} did not end: {run['state']}\n{self.log.read_text()[-4000:]}"
            )
            time.sleep(1)
            run = self.get(f"/flow_runs/{run['id']}")
        return dict(run)

    def artifacts(self, run: str) -> set[str]:
        body = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        return {str(item["key"]) for item in self.post("/artifacts/filter", body)}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The project's own prefect.yaml, flows and tasks, beside a small pipeline, deployed."""
    home = tmp_path_factory.mktemp("prefect")
    project = tmp_path_factory.mktemp("project")
    for name in ("flows", "tasks"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prefect.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, project / name)
    write_project(project)
    write_rows(project / "incoming" / "night.csv", 100, seed=1, labelled=False, extra=[["empty", ""]])
    env = environment(home, free_port(), project)
    with prefect_server(env, project, home / "server.log") as url:
        done = subprocess.run(
            [sys.executable, "-m", "flows.deploy"], env=env, cwd=project, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with (
            prefect_worker(env, project, home / "worker.log"),
            httpx.Client(base_url=url, timeout=30) as client,
        ):
            yield Deployed(client, project, home / "worker.log")


def test_schedules_make_runs(deployed: Deployed) -> None:
    """An unpinned SQLAlchemy or FastAPI leaves a server that looks healthy and never schedules."""
    wanted = {UUID(deployed.get(f"/deployments/name/{name}")["id"]) for name in ("train/weekly", "score/nightly")}
    deadline = time.monotonic() + SECONDS
    found: set[UUID] = set()
    while found != wanted:
        assert time.monotonic() < deadline, "no scheduled runs were made"
        time.sleep(1)
        body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        found = {UUID(run["deployment_id"]) for run in deployed.post("/flow_runs/filter", body)}


def test_deploying_again_changes_nothing(deployed: Deployed) -> None:
    names = {item["name"] for item in deployed.post("/deployments/filter", {})}
    assert names == {"weekly", "manual", "nightly"}
    automations = deployed.post("/automations/filter", {})
    assert [item["name"] for item in automations] == ["seqcls: crash runs without heartbeat"]


def test_training_then_scoring_run_to_completed(deployed: Deployed) -> None:
    trained = deployed.run("train/manual", {"config": "pairs.toml"})
    assert trained["state_type"] == "COMPLETED", trained["state"]
    assert trained["name"] == "train-pairs"
    assert {
        "pairs-files",
        "pairs-checks",
        "pairs-splits",
        "pairs-encoded",
        "pairs-epochs",
        "pairs-model-card",
        "pairs-decision",
    } <= deployed.artifacts(trained["id"])

    scored = deployed.run("score/nightly", {"config": "pairs.toml"})
    assert scored["state_type"] == "COMPLETED", scored["state"]
    assert {"pairs-scored-files", "pairs-night"} <= deployed.artifacts(scored["id"])
    assert len(list((deployed.project / "scores").glob("model=v1/*/*.parquet"))) == 3

    again = deployed.run("score/nightly", {"config": "pairs.toml"})
    assert again["state_type"] == "COMPLETED"
    assert len(list((deployed.project / "scores").glob("model=*/*/*.parquet"))) == 3


def test_a_wrong_config_fails_at_once_with_its_message(deployed: Deployed) -> None:
    (deployed.project / "typo.toml").write_text(
        (deployed.project / "pairs.toml").read_text().replace("epochs", "epoch")
    )
    started = time.monotonic()
    failed = deployed.run("train/manual", {"config": "typo.toml"})
    assert failed["state_type"] == "FAILED"
    assert "did you mean 'epochs'" in failed["state"]["message"]
    assert failed["name"] == "train-typo"
    assert time.monotonic() - started < 60, "bad data and configs are never retried"


def test_an_unknown_parameter_is_refused_by_the_server(deployed: Deployed) -> None:
    found = deployed.get("/deployments/name/train/manual")
    body = {"parameters": {"params": {"config": "pairs.toml", "sede": 1}}}
    answer = deployed.client.post(f"/deployments/{found['id']}/create_flow_run", json=body)
    assert answer.status_code == 409
    assert "sede" in answer.text
