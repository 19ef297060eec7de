"""`make demo`: the real flows on three simulated data sets, on Prefect's embedded server.

Simulates reviews, ECGs and DNA; trains and promotes a model for each; scores a night of new files with bad rows
in them; compares the books with what was planted; says where everything is. The runs, and with them the server, are in
a process of their own (examples/demo_runs.py), and what is said here comes after its end: nothing follows the last
words.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from examples.simulate import write_demo
from seqcls.cli.interruption import Interruption

HOME = Path(__file__).parents[1]
DEMO = HOME / "demo"
RUNS = (sys.executable, "-m", "examples.demo_runs")


def main() -> None:
    os.chdir(HOME)
    os.environ.pop("PREFECT_API_URL", None)  # the embedded server, whatever the shell is set to
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_HOME", str(HOME / ".prefect"))
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # 20 do on a quiet machine only
    started = time.perf_counter()
    shutil.rmtree(DEMO, ignore_errors=True)
    print("Simulating three data sets and a night of new files (none of it is real patients, films or genomes) ...")
    planted = write_demo(DEMO / "data")
    sys.stdout.flush()
    lines = run_to_the_end(RUNS, planted)
    print("\n".join(["", f"Done in {time.perf_counter() - started:.0f} s.", *lines, "", *_next_steps()]))


def run_to_the_end(command: tuple[str, ...], planted: dict[str, Any]) -> list[str]:
    """The lines of a process that gets what was planted; whatever becomes of us, it has ended before we go on."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = Path(folder) / "outcome.json"
        child = subprocess.Popen([*command, str(outcome)], stdin=subprocess.PIPE, text=True)  # noqa: S603 (fixed words)
        try:
            child.communicate(json.dumps(planted))
        finally:
            if child.poll() is None:
                child.terminate()  # it ends what it began, its server too
                child.wait()
        if not outcome.exists():
            raise SystemExit(f"demo: the runs ended with exit code {child.returncode}; the reason stands above")
        found = json.loads(outcome.read_text())
    if "error" in found:
        raise SystemExit(f"demo: {found['error']}")
    lines: list[str] = found["lines"]
    return lines


def _next_steps() -> list[str]:
    return [
        "Next: open a report in a browser; then, with your own data:",
        "  .venv/bin/seqcls init --kind text my.toml && .venv/bin/seqcls check my.toml",
        "To see these runs in the Prefect UI: `make server`, then http://127.0.0.1:4200",
    ]


if __name__ == "__main__":
    try:
        with Interruption():
            main()
    except KeyboardInterrupt:
        raise SystemExit("demo: interrupted; `make demo` again starts it from the beginning") from None
