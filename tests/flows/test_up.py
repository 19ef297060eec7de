"""`seqcls up`, `status`, `down`, with Prefect's database and the ledger in one PostgreSQL where there is one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.flows.stack import environment, free_port
from tests.road_data import write_project

pytestmark = [pytest.mark.server, pytest.mark.slow]


BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
"""Debian's: Prefect needs the extension pg_trgm, which the PostgreSQL in a wheel does not have."""


@contextmanager
def a_database(kind: str) -> Iterator[dict[str, str]]:
    """What `seqcls up` is told of it."""
    if kind == "sqlite":
        yield {}
        return
    place = Path(tempfile.mkdtemp(prefix="pg-"))
    shutil.chown(place, "postgres")
    port, run = free_port(), ["runuser", "-u", "postgres", "--"]
    control = [*run, BINARIES[-1] / "pg_ctl", "-D", place / "data", "-w", "-l", place / "log"]
    options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1"
    try:
        start = [*run, BINARIES[-1] / "initdb", "-D", place / "data", "-A", "trust", "-U", "postgres"]
        subprocess.run(start, check=True, capture_output=True)
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
        yield {"SEQCLS_POSTGRES": f"postgresql://postgres@127.0.0.1:{port}/postgres"}
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(place)


def test_up_keeps_a_server_and_a_worker_running(tmp_path: Path) -> None:
    kind = "postgresql" if BINARIES and not os.getuid() else "sqlite"
    config = write_project(tmp_path / "own")
    config.write_text(config.read_text() + '\n[schedule]\nscore = "30 1 * * *"\n')
    env = environment(tmp_path / "home", free_port(), config.parent)
    with a_database(kind) as settings:
        env |= settings
        if settings:
            config.write_text(config.read_text().replace("kind =", 'ledger_env = "SEQCLS_POSTGRES"\nkind =', 1))

        def seqcls(*words: str) -> str:
            command = [sys.executable, "-m", "seqcls", *words]
            done = subprocess.run(command, env=env, cwd=config.parent, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "home" / "up.log").read_text()[-3000:]
            return done.stdout

        try:
            assert "deployment score/pairs: pairs.toml" in seqcls("up", "pairs.toml")
            assert "work pool seqcls: there already" in seqcls("up", "pairs.toml")
            assert (tmp_path / "home" / "prefect.db").exists() == (kind == "sqlite")
            assert httpx.get(f"{env['PREFECT_API_URL']}/admin/settings").status_code == 401
            lock = tmp_path / "home" / "up.lock"
            first = wait_for(lambda: re.search(r"worker: process (\d+)", lock.read_text()))
            shown = seqcls("status")
            assert first[0] in shown
            assert "score/pairs: next 20" in shown
            os.kill(int(first[1]), signal.SIGKILL)
            second = wait_for(lambda: re.search(rf"worker: process (?!{first[1]}\b)(\d+)", lock.read_text()))
            assert second[1] != first[1]
        finally:
            assert "have ended" in seqcls("down")
    assert "nothing runs" in seqcls("down")
    assert not Path(f"/proc/{second[1]}").exists()


def wait_for(look: Callable[[], re.Match[str] | None]) -> re.Match[str]:
    end = time.monotonic() + 120
    while (found := look()) is None:
        assert time.monotonic() < end
        time.sleep(0.5)
    return found
