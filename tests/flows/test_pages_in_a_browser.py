"""The pages that operators look at, in a real browser: a failed validation, nights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.browser import CHROMIUM, Browser
from tests.flows.stack import Stack
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]


@pytest.fixture
def browser(stack: Stack) -> Iterator[Browser]:
    """At the UI, as somebody who has typed the password."""
    with Browser() as browser:
        browser.open(address(stack, "/"))
        browser.wait_for("Login")
        browser.run(f"localStorage.setItem('prefect-password', btoa({json.dumps(stack.password)}))")
        yield browser


def address(stack: Stack, path: str) -> str:
    return stack.env["PREFECT_API_URL"].removesuffix("/api") + path


def artifact(stack: Stack, run: str, key: str) -> str:
    """The address of an artifact's page."""
    body = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": [key]}}}
    [found] = stack.ask("POST", "/artifacts/filter", body)
    return address(stack, f"/artifacts/artifact/{found['id']}")


def keep(browser: Browser, folder: Path, name: str) -> None:
    browser.picture(folder / f"{name}.png")


@pytest.mark.fault(
    "O05",
    tried="the page of a run whose validation failed, in a browser",
    outcome="it shows the message and no traceback; the artifacts show the checks",
)
def test_the_page_of_a_failed_validation(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    config = write_project(stack.project / "refused", rows=60, family="cnn")
    write_rows(
        config.parent / "data" / "more.csv", 1, seed=1, labelled=True, extra=[[f"x{n}", "", "no"] for n in range(40)]
    )
    run = stack.begin("train/manual", str(config.relative_to(stack.project)))
    assert stack.wait(run)["type"] == "FAILED"
    browser.open(address(stack, f"/runs/flow-run/{run}"))
    shown = browser.wait_for("are rejected: empty 4")
    keep(browser, tmp_path, "failed-run")
    assert "Traceback" not in shown
    assert 'File "' not in shown
    browser.open(artifact(stack, run, "pairs-checks"))
    browser.wait_for("Stopped:")
    keep(browser, tmp_path, "checks")
    browser.open(artifact(stack, run, "pairs-failed"))
    shown = browser.wait_for("lists each rejected row with all reasons")
    keep(browser, tmp_path, "failed")
    assert "\\" not in shown


@pytest.mark.fault(
    "O07",
    tried="the page of a night with a file called `it's <b>|bad.csv` that is refused, in a browser",
    outcome="name and reason stand there as they are, whole: no entities, no backslashes, no markup",
)
def test_the_page_of_a_night_with_a_refused_file(stack: Stack, browser: Browser, trained: Path, tmp_path: Path) -> None:
    config = Path(shutil.copytree(trained, stack.project / "night")) / "pairs.toml"
    rows = [[f"x{number}", ""] for number in range(20)]
    write_rows(config.parent / "incoming" / "it's <b>|bad.csv", 5, seed=3, labelled=False, extra=rows)
    run = stack.begin("score/nightly", str(config.relative_to(stack.project)))
    assert stack.wait(run)["type"] == "FAILED"
    browser.open(artifact(stack, run, "pairs-scoring-run"))
    shown = browser.wait_for("Refused files")
    keep(browser, tmp_path, "night")
    assert "incoming/it's <b>|bad.csv: " in shown
    assert "each rejected row stands with its reasons in" in shown
    assert "&" not in shown.partition("Refused files")[2]
    assert "\\" not in shown.partition("Refused files")[2]


@pytest.mark.fault(
    "O02",
    tried="three versions, two rollbacks, then the page of a night, in a browser",
    outcome="the first version has scored it, not the bad third one again",
)
def test_the_page_of_a_night_after_two_rollbacks(
    stack: Stack, browser: Browser, promoted: Path, nursery: Nursery, tmp_path: Path
) -> None:
    config = Path(shutil.copytree(promoted, stack.project / "rolled")) / "pairs.toml"
    config.write_text(config.read_text().replace("epochs = 2", "epochs = 1"))
    for command in (("train", config), ("promote", config, "--version", "3", "--force", "--why", "for the test")):
        assert nursery.run(*command).status == 0
    assert "is now pairs@v2" in nursery.run("rollback", config, "--why", "v3 is bad").text
    assert "is now pairs@v1" in nursery.run("rollback", config, "--why", "v2 is no better").text
    write_rows(config.parent / "incoming" / "second.csv", 30, seed=4, labelled=False)
    run = stack.begin("score/nightly", str(config.relative_to(stack.project)))
    assert stack.wait(run)["type"] == "COMPLETED"
    browser.open(artifact(stack, run, "pairs-scoring-run"))
    shown = browser.wait_for("pairs@v1")
    keep(browser, tmp_path, "rolled-back")
    assert "pairs@v3" not in shown
