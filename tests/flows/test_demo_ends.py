"""The last words of `make demo` stay last: the server ends before them, in order, and without tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples import demo

ROOT = Path(__file__).parents[2]
last_words = pytest.mark.fault(
    "M03", tried="make demo on a busy machine, where Prefect's embedded server is stopped in the middle of a write",
    outcome="the runs and their server end first, after the server has written all it heard; nothing follows Next:",
)  # fmt: skip

# Runs a flow, then keeps the server from writing what it heard of the tasks, and ends while it waits.
ENDS_IN_A_WRITE = """
import sqlite3, sys, threading, time
from prefect import flow, task
from examples.embedded import settle

@task
def one(number): return number

@flow
def some():
    one(0)
    time.sleep(2.5)  # the server knows of one task run, and will hear of two more
    return [one(number) for number in (1, 2)]

state = some(return_state=True)
database = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False, timeout=60)
database.execute("BEGIN IMMEDIATE")
release = threading.Timer(5.0, database.rollback)
release.daemon = True  # Python waits for other threads before it stops the server
release.start()
time.sleep(2.5)  # longer than flush_interval: the write has begun, and waits
if len(sys.argv) == 2:
    settle([state.state_details.flow_run_id])
    written = sqlite3.connect(sys.argv[1]).execute("select state_type, count(*) from task_run group by 1").fetchall()
    print("written:", written)
"""


def run_in_a_home(home: Path, *more: str) -> str:
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    surroundings |= {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    surroundings |= {"PREFECT_LOGGING_TO_API_ENABLED": "false"}  # a log that cannot be written delays the end
    surroundings |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    (home / "flow.py").write_text(ENDS_IN_A_WRITE)
    done = subprocess.run(
        [sys.executable, str(home / "flow.py"), str(home / "prefect.db"), *more],
        env=surroundings | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, check=True, text=True, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


@last_words
@pytest.mark.slow
def test_a_server_that_is_in_the_middle_of_a_write_is_waited_for(tmp_path: Path) -> None:
    said = run_in_a_home(tmp_path)
    assert "written: [('COMPLETED', 3)]" in said
    assert "Traceback" not in said


CHILD = """
import atexit, json, subprocess, sys
from pathlib import Path
planted = json.load(sys.stdin)
server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5); print('the server ends', flush=True)"])
atexit.register(server.wait)
print("an error of the run", file=sys.stderr, flush=True)
if planted["outcome"]:
    Path(sys.argv[1]).write_text(json.dumps(planted["outcome"]))
raise SystemExit(planted["code"])
"""


@last_words
@pytest.mark.parametrize(
    ("outcome", "code", "last"),
    [
        ({"lines": ["all is well"]}, 0, "all is well"),
        ({"error": "night.csv: 3 rows are lost"}, 1, "demo: night.csv: 3 rows are lost"),
        (None, 7, "demo: the runs ended with exit code 7; the reason stands above"),
    ],
)
def test_what_is_said_at_last_comes_after_the_runs_and_their_server(
    capfd: pytest.CaptureFixture[str], outcome: dict[str, object] | None, code: int, last: str
) -> None:
    try:
        print(*demo.run_to_the_end((sys.executable, "-c", CHILD), {"outcome": outcome, "code": code}), flush=True)
    except SystemExit as ended:
        print(ended.code, flush=True)
    said = capfd.readouterr()
    assert said.out.splitlines() == ["the server ends", last]
    assert said.err == "an error of the run\n", "errors of the runs stay visible"
