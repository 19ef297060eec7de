"""`seqcls deploy FILES`: the deployments of a pipeline, their forms and schedules, on a real server with a worker."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from seqcls.workspace import open_workspace
from tests.flows.stack import Stack

pytestmark = [pytest.mark.server, pytest.mark.slow]
SCHEDULE = '[schedule]\ntrain = "0 3 * * 0"\nscore = "30 1 * * *"\ntimezone = "Europe/Berlin"\n'


def schedules(stack: Stack, deployment: str) -> dict[str, tuple[str, bool]]:
    """Slug -> cron and whether it is active."""
    found = stack.ask("GET", f"/deployments/name/{deployment}")["schedules"]
    return {item["slug"] or "by hand": (item["schedule"]["cron"], item["active"]) for item in found}


def refused(stack: Stack, deployment: str, **fields: Any) -> str:
    """The server's answer to a form that it does not take."""
    found = stack.ask("GET", f"/deployments/name/{deployment}")
    answer = stack.client.post(f"/deployments/{found['id']}/create_flow_run", json={"parameters": fields})
    assert answer.status_code == 409, answer.text
    return answer.text


def own_project(stack: Stack, trained: Path, name: str) -> tuple[Path, str]:
    """A copy of a trained pipeline in the project, under another name where asked; the file, and as it is typed."""
    config = Path(shutil.copytree(trained, stack.project / name)) / "pairs.toml"
    return config, str(config.relative_to(stack.project))


def test_schedules_follow_the_file_and_leave_a_persons_work(stack: Stack, trained: Path) -> None:
    config, typed = own_project(stack, trained, "scheduled")
    plain = config.read_text()
    config.write_text(plain + SCHEDULE)
    said = stack.deploy(typed)
    assert "deployment train/pairs: scheduled/pairs.toml" in said
    names = {item["name"] for item in stack.ask("POST", "/flows/filter", {})}
    assert {"train", "score", "promote", "rollback", "clean"} <= names
    assert schedules(stack, "train/pairs") == {"pipeline-file": ("0 3 * * 0", True)}
    assert schedules(stack, "clean/pairs") == {}

    nightly = stack.ask("GET", "/deployments/name/score/pairs")
    [ours] = nightly["schedules"]
    path = f"/deployments/{nightly['id']}/schedules"
    stack.ask("PATCH", f"{path}/{ours['id']}", {"active": False})  # as the switch of the UI does
    by_hand = {"schedule": {"cron": "0 12 * * *", "timezone": "UTC"}, "active": True}
    stack.ask("POST", path, [by_hand])
    config.write_text(plain + SCHEDULE.replace("30 1", "45 2").replace('train = "0 3 * * 0"\n', ""))
    said = stack.deploy(typed)
    assert "'45 2 * * *' Europe/Berlin, paused in the UI" in said
    assert "its schedule was removed" in said
    assert schedules(stack, "train/pairs") == {}
    assert schedules(stack, "score/pairs") == {"pipeline-file": ("45 2 * * *", False), "by hand": ("0 12 * * *", True)}
    config.write_text(plain)
    stack.deploy(typed)
    assert schedules(stack, "score/pairs") == {"by hand": ("0 12 * * *", True)}
    stack.ask("DELETE", f"{path}/{stack.ask('GET', path)[0]['id']}")


def test_a_form_is_checked_and_changes_one_run_only(stack: Stack, trained: Path) -> None:
    config, typed = own_project(stack, trained, "form")
    before = config.read_text()
    stack.deploy(typed)
    assert "minimum of 1" in refused(stack, "train/pairs", config=typed, epochs=0)
    assert "'lstn'" in refused(stack, "train/pairs", config=typed, family="lstn")
    assert "other.toml" in refused(stack, "train/pairs", config="other.toml")
    assert "epoch" in refused(stack, "train/pairs", config=typed, epoch=1)
    run = stack.begin("train/pairs", typed, epochs=1, seed=4)
    assert stack.wait(run)["type"] == "COMPLETED", stack.last_words()
    assert stack.ask("GET", f"/flow_runs/{run}")["name"].startswith("train-pairs v2")
    assert config.read_text() == before
    with open_workspace(config) as workspace:
        changes = [json.loads(path.read_text()) for path in workspace.store.root.glob("artefacts/model/*/changes.json")]
    assert changes == [{"train.epochs": 1, "seed": 4}]


def test_promote_and_rollback_from_their_forms(stack: Stack, promoted: Path) -> None:
    _, typed = own_project(stack, promoted, "moves")
    stack.deploy(typed)
    back = stack.begin("rollback/pairs", typed, why="v2 is no better")
    assert stack.wait(back)["type"] == "COMPLETED", stack.last_words()
    assert stack.ask("GET", f"/flow_runs/{back}")["name"] == "rollback-pairs to v1"
    forth = stack.begin("promote/pairs", typed, version="v2", force=True, why="it is better after all")
    assert stack.wait(forth)["type"] == "COMPLETED", stack.last_words()
    artifacts = stack.ask("POST", "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [forth]}}})
    assert "pairs@v2 is champion" in [item["description"] for item in artifacts]
