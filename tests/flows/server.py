"""A real Prefect server and worker as processes of their own, on loopback, with their own home."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(home: Path, port: int, project: Path) -> dict[str, str]:
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "SEQCLS_HOME": str(project),
        "PYTHONPATH": str(project),
        "OMP_NUM_THREADS": "1",
    }
    return {**os.environ, **settings}


@contextmanager
def process(arguments: list[str], env: dict[str, str], cwd: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child in its own group, ended with the block; its output goes to a file."""
    with open(log, "wb") as output:
        child = subprocess.Popen(
            arguments, env=env, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield child
        finally:
            for number in (signal.SIGINT, signal.SIGKILL):
                if child.poll() is None:
                    os.killpg(child.pid, number)
                    try:
                        child.wait(20)
                    except subprocess.TimeoutExpired:
                        continue


@contextmanager
def prefect_server(env: dict[str, str], cwd: Path, log: Path) -> Iterator[str]:
    """`prefect server start`, ready to answer."""
    with process([sys.executable, "-m", "prefect", "server", "start"], env, cwd, log) as child:
        url = env["PREFECT_API_URL"]
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=2):
                    break
            except OSError:
                assert child.poll() is None, f"the server ended: {log.read_text()[-3000:]}"
                assert time.monotonic() < deadline, f"the server did not start: {log.read_text()[-3000:]}"
                time.sleep(0.3)
        yield url


@contextmanager
def prefect_worker(env: dict[str, str], cwd: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`prefect worker start` on the project's pool."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "seqcls"]
    with process(command, env, cwd, log) as child:
        yield child
