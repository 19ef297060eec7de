"""`seqcls up`, `down`, `status`: server and worker in the background, on loopback, started again if they end.

In: PREFECT_HOME (default: `.prefect` in this folder), PREFECT_SERVER_API_PORT (4200), SEQCLS_POSTGRES (a PostgreSQL URL
for Prefect's database instead of SQLite). Out: one supervisor process, which holds `up.lock`, with its two children;
`up.log`. Promise: `up` may be repeated; a server or worker that ends is started again, at most 30 s later; they end
with their supervisor.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

from seqcls.errors import ConfigRefused, SeqclsError, WorldFailed
from seqcls_flows.server import join_server

LOCK, LOG = "up.lock", "up.log"
POSTGRES = "SEQCLS_POSTGRES"
PARTS = ("server", "worker")
LONGEST_PAUSE, STEADY = 30.0, 60.0
"""Seconds: between two starts of a part that keeps ending; after which a part counts as working."""
PATIENCE = 180.0
WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def main(command: str, *arguments: str) -> None:
    home = Path(os.environ.setdefault("PREFECT_HOME", str(Path.cwd() / ".prefect"))).expanduser()
    _set_environment()
    os.umask(0o077)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    {"up": up, "down": down, "status": status, "supervise": supervise}[command](home, *arguments)


def _set_environment() -> None:
    """Loopback, a password, nothing phones home, old runs go after a while; whatever is set already stays."""
    port = os.environ.setdefault("PREFECT_SERVER_API_PORT", "4200")
    place = f"http://127.0.0.1:{port}"
    database = os.environ.get(POSTGRES)
    if database and not database.startswith(("postgresql://", "postgres://")):
        raise ConfigRefused(f"{POSTGRES} is no PostgreSQL URL", where="environment",
                            expected="postgresql://USER:PASSWORD@HOST/DATABASE", next_step="set it so")  # fmt: skip
    wanted = {
        "PREFECT_API_URL": f"{place}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": place,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SEQCLS_HOME": str(Path.cwd()),
    }
    if database:
        wanted["PREFECT_API_DATABASE_CONNECTION_URL"] = f"postgresql+asyncpg://{database.partition('://')[2]}"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def up(home: Path, *arguments: str) -> None:
    """Start what does not run, then deploy."""
    if supervisor_of(home) is None:
        _require_free_port()
        with open(home / LOG, "ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "seqcls_flows.up", "supervise"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
    _wait_for_server(home)
    join_server(home)
    done = subprocess.run([sys.executable, "-m", "seqcls_flows.deploy", *arguments], check=False)  # noqa: S603 (no shell)
    if done.returncode:
        raise SystemExit(done.returncode)
    print(f"{os.environ['PREFECT_API_URL'].removesuffix('/api')} asks once for the line in {home / 'server.password'}")
    print("Next: `seqcls status` shows what runs, `seqcls down` ends it")


def _require_free_port() -> None:
    port = int(os.environ["PREFECT_SERVER_API_PORT"])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigRefused(
                f"port {port} is taken by another program",
                where="seqcls up",
                expected="a free port",
                next_step="end that program, or set PREFECT_SERVER_API_PORT",
            ) from None


def _wait_for_server(home: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not answers():
        if time.monotonic() > end:
            last = (home / LOG).read_text(errors="replace").strip().splitlines()[-1:]
            raise WorldFailed(f"the server does not answer; its last line: {''.join(last)[:300]}",
                              where=os.environ["PREFECT_API_URL"], next_step=f"read {home / LOG}")  # fmt: skip
        time.sleep(0.3)


def answers() -> bool:
    """Whether the server does; this page needs no password."""
    try:
        with urllib.request.urlopen(f"{os.environ['PREFECT_API_URL']}/health", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (URLError, TimeoutError, OSError):
        return False


def supervisor_of(home: Path) -> int | None:
    """The process that holds the lock, if there is one."""
    try:
        with open(home / LOCK, "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        text = (home / LOCK).read_text().split()
        return int(text[0]) if text else 0
    return None


def down(home: Path) -> None:
    """End the supervisor, which ends the others; runs that work are Crashed, and the next ones continue."""
    number = supervisor_of(home)
    if number is None:
        print("nothing runs")
        return
    os.kill(number, signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while supervisor_of(home) is not None:
        if time.monotonic() > end:
            raise WorldFailed("it does not end", where=f"process {number}", next_step=f"kill -9 {number}")
        time.sleep(0.2)
    print("server and worker have ended")


def status(home: Path) -> None:
    """What runs, and the deployments with their next runs; exit code 5 unless all is well."""
    number = supervisor_of(home)
    print(f"supervisor: {f'process {number}' if number else 'none'}")
    for line in (home / LOCK).read_text().splitlines()[1:] if number else ():
        print(line)
    if not answers():
        raise WorldFailed("no server answers", where=os.environ["PREFECT_API_URL"], next_step="`seqcls up CONFIG`")
    print(f"server answers: {os.environ['PREFECT_API_URL']}")
    join_server(home)
    done = subprocess.run([sys.executable, "-m", "seqcls_flows.deploy", "--list"], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


class Part:
    """The server or the worker: started again when it has ended, after a pause that doubles."""

    def __init__(self, name: str) -> None:
        self.name, self.pause, self.due = name, 1.0, 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.began = 0.0

    def keep_running(self) -> bool:
        """Whether something changed."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.pause = 1.0 if now - self.began > STEADY else min(2 * self.pause, LONGEST_PAUSE)
            print(f"{self.name} ended with {self.process.returncode}; again in {self.pause:g} s", flush=True)
            self.process, self.due = None, now + self.pause
            return True
        if self.process is None and now >= self.due:
            command = [sys.executable, "-m", "seqcls_flows.server", self.name]
            self.process, self.began = subprocess.Popen(command, preexec_fn=_end_with_parent), now  # noqa: S603
            return True
        return False

    @property
    def line(self) -> str:
        return f"{self.name}: {f'process {self.process.pid}' if self.process else 'starts again'}"


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(WITH_PARENT, signal.SIGTERM)


def supervise(home: Path) -> None:
    """Until SIGTERM or SIGINT."""
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: ended.append(got))
    with open(home / LOCK, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another `seqcls up` was faster
        parts = [Part(name) for name in PARTS]
        while not ended:
            for part in parts:
                if part.name == "worker" and not answers():
                    continue  # it would end
                if part.keep_running():
                    lock.truncate(0)
                    lock.write("\n".join([str(os.getpid()), *(one.line for one in parts)]) + "\n")
                    lock.flush()
            time.sleep(0.5)
        for part in reversed(parts):
            if part.process is not None:
                _end(part.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except SeqclsError as error:
        print(f"seqcls: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
