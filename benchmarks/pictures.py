"""The pictures of the tutorial, docs/images/*.png: 600 invented tickets, a real server and worker, a real browser.

`python -m benchmarks.pictures` takes some minutes and needs Chromium. Nothing is left running.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.flows.browser import Browser
from tests.flows.stack import Stack, copy_project

IMAGES = Path(__file__).parents[1] / "docs" / "images"
TOPICS = {
    "billing": ("Invoice {n} was charged twice", "Rechnung {n} ist falsch", "Refund for order {n} is missing"),
    "delivery": ("Paket {n} nicht angekommen", "Wrong address on shipment {n}", "Parcel {n} arrived damaged"),
    "technical": ("App crashes on page {n}", "Login funktioniert nicht, Fehler {n}", "Update {n} does not install"),
}
GREETINGS = ("Hi team, {}", "Guten Tag; {} Grüße aus Köln", "Urgent: {}", '{}, "again"', "{}, please help\nThanks!")
CHANGES = {
    'name = "my-text"': 'name = "tickets"',
    '"data/*.csv"': '"tickets.csv"',
    'sequence = "text"': 'sequence = "message"',
    'label = "label"': 'label = "team"',
}


def write_tickets(path: Path) -> None:
    """600 rows of three classes, some of which say what another class says."""
    draw = random.Random(5)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticket id", "message", "team"])
        for number in range(600):
            team = draw.choice(list(TOPICS))
            topic = draw.choice(TOPICS[team if draw.random() < 0.93 else draw.choice(list(TOPICS))])
            message = draw.choice(GREETINGS).format(topic.format(n=draw.randint(10_000, 99_999)))
            writer.writerow([f"T-{1000 + number}", "" if number in (10, 40) else message, "" if number == 20 else team])


def write_config(folder: Path) -> Path:
    """What the tutorial does: `seqcls init`, then the lines to change."""
    config = folder / "tickets.toml"
    subprocess.run([sys.executable, "-m", "seqcls", "init", "--kind", "text", str(config)], check=True)
    text = config.read_text("utf-8")
    for old, new in CHANGES.items():
        assert old in text, f"`seqcls init` does not write {old} any more"
        text = text.replace(old, new, 1)
    config.write_text(text, "utf-8")
    return config


def take(browser: Browser, address: str, shown: str, name: str, size: tuple[int, int]) -> None:
    """A picture of a page in a window of this size; the graph of a run is drawn some seconds after its text."""
    browser.ask("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
    browser.open(address)
    browser.wait_for(shown)
    browser.ask("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 20000))", awaitPromise=True)
    browser.picture(IMAGES / f"{name}.png")
    print(f"wrote docs/images/{name}.png")


def artifact(stack: Stack, run: str, key: str) -> str:
    body = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": [key]}}}
    [found] = stack.ask("POST", "/artifacts/filter", body)
    return str(found["id"])


def photograph(stack: Stack, config: Path) -> None:
    run = stack.begin("train/manual", str(config.relative_to(stack.project)))
    ended = stack.wait(run)
    if ended["type"] != "COMPLETED":
        raise SystemExit(f"the training ended {ended}")
    [report] = config.parent.glob("store/artefacts/evaluation/*/report.html")
    ui = stack.env["PREFECT_API_URL"].removesuffix("/api")
    with Browser() as browser:
        take(browser, report.as_uri(), "tickets", "report", (1200, 1500))
        browser.open(f"{ui}/")
        browser.wait_for("Login")
        browser.run(f"localStorage.setItem('prefect-password', btoa({json.dumps(stack.password)}))")
        take(browser, f"{ui}/deployments", "nightly", "deployments", (1400, 700))
        take(browser, f"{ui}/runs/flow-run/{run}", "Completed", "flow-run", (1400, 1100))
        card = artifact(stack, run, "tickets-model-card")
        take(browser, f"{ui}/artifacts/artifact/{card}", "balanced", "model-card", (1400, 1500))


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        home, project = Path(temporary) / "prefect", Path(temporary) / "project"
        home.mkdir()
        (project / "tickets").mkdir(parents=True)
        copy_project(project)
        write_tickets(project / "tickets" / "tickets.csv")
        config = write_config(project / "tickets")
        with Stack(home, project) as stack:
            stack.start_server()
            stack.deploy()
            stack.start_worker("seqcls")
            photograph(stack, config)


if __name__ == "__main__":
    main()
