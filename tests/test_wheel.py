"""What `pip install seqcls` brings is enough: in an empty folder it trains, scores, and is deployed on a server."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.flows.stack import Stack
from tests.road_data import write_rows

pytestmark = [pytest.mark.server, pytest.mark.slow]
ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "seqcls", "flows", "tasks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the files of the repository that a wheel is made of."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    done = run([sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)], source)
    assert done.returncode == 0, done.stdout
    [built] = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a new environment that has the wheel, and the dependencies from the environment of the tests.

    A path in a .pth file is searched, but the .pth files that lie there are not read: what is installed for editing in
    the environment of the tests is not found.
    """
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder.parent)
    python = folder / "bin" / "python"
    done = run([sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)],
               folder.parent)  # fmt: skip
    assert done.returncode == 0, done.stdout
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return python


@pytest.fixture(scope="module")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder in which `seqcls init` was run and data put beside the file."""
    folder = tmp_path_factory.mktemp("empty")
    done = seqcls(python, folder, "init", "--kind", "tokens", "my.toml")
    assert done.returncode == 0, done.stdout
    write_rows(folder / "data" / "train.csv", 120, seed=0, labelled=True)
    write_rows(folder / "incoming" / "one.csv", 20, seed=1, labelled=False)
    text = (folder / "my.toml").read_text()
    for old, new in (
        ('"jsonl" ', '"csv" '), (".jsonl", ".csv"), ('sequence = "tokens"', 'sequence = "sequence"'),
        ("epochs = 30", "epochs = 8"), ("# learning_rate = 0.001", "learning_rate = 0.02"),
        ("# threads = 0", "threads = 1"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (folder / "my.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def stack(python: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server of the new environment, started in the empty folder."""
    with Stack(tmp_path_factory.mktemp("prefect"), project, str(python)) as stack:
        stack.start_server()
        yield stack


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=surroundings() | more, text=True, timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def surroundings() -> dict[str, str]:
    """Nothing that would lead into the repository."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PREFECT_API_URL")}


def seqcls(python: Path, folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return run([str(python.parent / "seqcls"), *words], folder, **more)


def test_flows_and_tasks_come_from_the_wheel(python: Path, project: Path) -> None:
    names = ("seqcls", "seqcls_flows.train", "seqcls_tasks.train")
    code = f"import {', '.join(names)}, sys; print(*(sys.modules[name].__file__ for name in {names}))"
    places = run([str(python), "-c", code], project).stdout.split()
    assert len(places) == 3, places
    assert all(place.startswith(str(python.parents[1])) for place in places), places


def test_it_trains_and_scores_in_an_empty_folder(python: Path, project: Path) -> None:
    trained = seqcls(python, project, "train", "my.toml")
    assert trained.returncode == 0, trained.stdout
    scored = seqcls(python, project, "score", "my.toml")
    assert scored.returncode == 0, scored.stdout
    assert list(project.glob("scores/**/*.parquet"))


def test_it_is_deployed_and_a_worker_runs_it(stack: Stack, python: Path, project: Path) -> None:
    server = {name: stack.env[name] for name in ("PREFECT_API_URL", "PREFECT_HOME")}
    done = seqcls(python, project, "deploy", "my.toml", **server)
    assert done.returncode == 0, done.stdout
    assert "deployment train/my-tokens" in done.stdout
    assert "Next: start a worker in another terminal: `prefect worker start" in done.stdout
    stack.start_worker("seqcls")
    write_rows(project / "incoming" / "two.csv", 30, seed=2, labelled=False)
    for flow in ("train", "score"):
        number = stack.ask("GET", f"/deployments/name/{flow}/my-tokens")["id"]
        started = stack.ask("POST", f"/deployments/{number}/create_flow_run", {})
        ended = stack.wait(started["id"])
        assert ended["type"] == "COMPLETED", (flow, ended, stack.last_words())
    ids = [
        name for path in project.glob("scores/model=*/*/*.parquet") for name in pq.read_table(path)["id"].to_pylist()
    ]
    assert sum("two.csv" in name for name in ids) == 30
    again = seqcls(python, project, "deploy", "my.toml", **server)
    assert "there already" in again.stdout
    assert len(stack.ask("POST", "/deployments/filter", {})) == 5, "train, score, promote, rollback, clean"


def test_without_a_server_deploy_says_how_to_start_one(python: Path, project: Path, tmp_path: Path) -> None:
    home = {"PREFECT_HOME": str(tmp_path)}
    done = seqcls(python, project, "deploy", "my.toml", **home)
    assert (done.returncode, "PREFECT_API_URL is not set" in done.stdout) == (2, True), done.stdout
    done = seqcls(python, project, "deploy", "my.toml", PREFECT_API_URL="http://127.0.0.1:9/api", **home)
    assert (done.returncode, "`prefect server start`" in done.stdout) == (5, True), done.stdout


def test_a_wrong_pipeline_file_is_refused_before_the_server_is_asked(python: Path, project: Path) -> None:
    (project / "typo.toml").write_text((project / "my.toml").read_text().replace("epochs =", "epoch ="))
    done = seqcls(python, project, "deploy", "typo.toml")
    assert (done.returncode, "did you mean 'epochs'" in done.stdout) == (2, True), done.stdout
