"""A Prefect server, its workers and their flow processes, each of which can be killed and started again.

In: a folder to work in; the flows are the installed ones. Everything is a process of its own on loopback, with a home
of its own.
Promise: when the block ends nothing is left running.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

ROOT = Path(__file__).parents[2]
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PATIENCE = 240.0


def copy_project(folder: Path) -> Path:
    """The project's own deployments and Prefect's settings."""
    for name in ("prefect.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def environment(home: Path, port: int, project: Path) -> dict[str, str]:
    """Of the server and the workers."""
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "SEQCLS_HOME": str(project),
        "OMP_NUM_THREADS": "1",
    }
    return {**os.environ, **settings}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Stack:
    """One server and any number of workers."""

    def __init__(self, home: Path, project: Path, python: str = sys.executable) -> None:
        self.home, self.project, self.python = home, project, python
        self.env = environment(home, free_port(), project)
        self.client = httpx.Client(base_url=self.env["PREFECT_API_URL"], timeout=30)
        self.password = ""
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.groups: set[int] = set()
        """Of every process ever started here: a killed worker leaves flow processes in its group."""

    def start_server(self) -> None:
        """As `make server` does: with a password, which this stack sends from now on."""
        self._start("server", "seqcls_flows.server", "server")
        self.ask("GET", "/health")
        self.password = (self.home / "server.password").read_text().strip()
        self.client.auth = tuple(self.password.split(":"))

    @property
    def settings(self) -> dict[Any, Any]:
        """For a client of Prefect in this process."""
        return {PREFECT_API_URL: self.env["PREFECT_API_URL"], PREFECT_API_AUTH_STRING: self.password}

    def start_worker(self, pool: str) -> None:
        """As `make worker` does; a pool of another name needs Prefect's own words."""
        # Without its type a worker asks the server for it, and ends when the server is not there at that moment.
        words = ("prefect", "worker", "start", "--pool", pool, "--type", "process")
        self._start(pool, *(("seqcls_flows.server", "worker") if pool == "seqcls" else words))

    def revive(self, pool: str) -> bool:
        """Start a worker again that has ended by itself, as a supervisor would; whether it had."""
        child = self.running.get(pool)
        if child is None or child.poll() is None:
            return False
        self.start_worker(pool)
        return True

    def kill(self, name: str) -> None:
        """`kill -9` of the server, or of the worker of a pool; not of what it started."""
        child = self.running.pop(name)
        child.kill()
        child.wait()

    def deploy(self, *files: str) -> str:
        """`make deploy`, or `seqcls deploy FILES`: what it says."""
        command = [self.python, "-m", "seqcls_flows.server", "deploy", *files]
        done = subprocess.run(
            command, env=self.env, cwd=self.project, capture_output=True, text=True, timeout=2 * PATIENCE
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _start(self, name: str, *words: str) -> None:
        more = {} if words[0] == "seqcls_flows.server" else {"PREFECT_API_AUTH_STRING": self.password}
        with open(self.home / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [self.python, "-m", *words],
                env=self.env | more, cwd=self.project, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                umask=0o022,
            )  # fmt: skip
        self.groups.add(self.running[name].pid)

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        for number in self.groups:
            try:
                os.killpg(number, signal.SIGKILL)
            except ProcessLookupError:
                continue  # all of them have ended
        for child in self.running.values():
            child.wait()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The REST API, also while the server is coming back."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self.client.request(method, path, json=body)
            except httpx.TransportError:
                assert time.monotonic() < deadline, f"the server does not answer: {self.last_words()}"
                time.sleep(0.3)
                continue
            if answer.status_code != 503:  # "database is locked" of SQLite: Prefect's own client asks again too
                answer.raise_for_status()
                return answer.json() if answer.content else None
            time.sleep(0.3)

    def begin(
        self, deployment: str, config: str, failpoint: str = "", more: dict[str, str] | None = None,
        **fields: Any,
    ) -> str:  # fmt: skip
        """Start a run as the UI does, with more in the environment of its process; its id."""
        found = self.ask("GET", f"/deployments/name/{deployment}")
        body: dict[str, Any] = {"parameters": {"config": config, **fields}}
        if failpoint or more:
            body["job_variables"] = {"env": {"DO_NOT_TRACK": "1", "SEQCLS_FAILPOINT": failpoint, **(more or {})}}
        return str(self.ask("POST", f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def add_run(self, flow: str, state: str, tags: list[str]) -> str:
        """A run without a process, as a shell or another project makes it; its id."""
        number = self.ask("POST", "/flows/", {"name": flow})["id"]
        body = {"flow_id": number, "state": {"type": state}, "tags": tags}
        return str(self.ask("POST", "/flow_runs/", body)["id"])

    def suspend(self, run: str, minutes: float = 5.0) -> None:
        """As the button of the UI does."""
        until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        details = {"pause_timeout": until, "pause_reschedule": True}
        state = {"type": "PAUSED", "name": "Suspended", "state_details": details}
        assert self.ask("POST", f"/flow_runs/{run}/set_state", {"state": state})["status"] == "ACCEPT"

    def state(self, run: str) -> dict[str, Any]:
        """`type`, `name`, `message`, ... of a run's state."""
        return dict(self.ask("GET", f"/flow_runs/{run}")["state"])

    def wait(self, run: str, wanted: tuple[str, ...] = FINAL, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until a run is in a state of one of these types."""
        deadline = time.monotonic() + patience
        while (state := self.state(run))["type"] not in wanted:
            assert time.monotonic() < deadline, f"still {state['name']} after {patience:.0f} s: {self.last_words()}"
            time.sleep(0.3)
        return state

    def wait_until_stopped(self, run: str) -> list[int]:
        """Wait until the process of a run has stopped itself at a failpoint; all processes of the run."""
        deadline = time.monotonic() + PATIENCE
        while "T" not in [_letter(pid) for pid in processes_of(run)]:
            assert time.monotonic() < deadline, f"it did not come to its failpoint: {self.last_words()}"
            time.sleep(0.1)
        return processes_of(run)

    def wait_until_left(self, run: str) -> None:
        """Wait until no process executes a run any more."""
        deadline = time.monotonic() + PATIENCE
        while processes_of(run):
            assert time.monotonic() < deadline, f"its process does not leave: {self.last_words()}"
            time.sleep(0.3)

    def wait_for_event(self, run: str, event: str) -> None:
        """Wait until the server has kept an event of a run."""
        wanted: dict[str, Any] = {"event": {"name": [event]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
        wanted["occurred"] = {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
        deadline = time.monotonic() + PATIENCE
        while not self.ask("POST", "/events/filter", {"filter": wanted, "limit": 1})["events"]:
            assert time.monotonic() < deadline, f"{event} was not kept: {self.last_words()}"
            time.sleep(0.3)

    def tasks(self, run: str) -> list[str]:
        """Names of the task runs of a run."""
        body = {"task_runs": {"flow_run_id": {"any_": [run]}}}
        return [str(task["name"]) for task in self.ask("POST", "/task_runs/filter", body)]

    def last_words(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"{path.name}:\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(self.home.glob("*.log"))
        )


def processes_of(run: str) -> list[int]:
    """Every process that executes a flow run, by the id in its environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"PREFECT__FLOW_RUN_ID={run}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or is not ours
    return found


def kill_run(run: str) -> int:
    """`kill -9` of all processes of a run; how many there were."""
    pids = processes_of(run)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # ended this moment
    return len(pids)


def _letter(pid: int) -> str:
    """The state of a process in one letter; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
