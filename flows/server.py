"""`make server`, `make deploy`, `make worker`, `seqcls deploy`: Prefect's commands with the password of this server.

In: PREFECT_HOME, settings of the Makefile. Out: in PREFECT_HOME, readable by its user only, `server.password` (created
once) and `server.url` (the server's address, for the other commands and `seqcls doctor`). Promise: without the password
the server answers no call and opens no stream of events or logs. Loopback alone is no protection: every web page that
the user visits can reach it, through a WebSocket or a host name that points here. Your own password
(PREFECT_SERVER_API_AUTH_STRING for the server, PREFECT_API_AUTH_STRING for the others) is used unchanged; it is sent to
this server only.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

PASSWORD, URL = "server.password", "server.url"
FOR_THE_SERVER, FOR_CLIENTS = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
COMMANDS = {
    "server": ("prefect", "server", "start"),
    "deploy": ("seqcls_flows.deploy",),
    "worker": ("prefect", "worker", "start", "--pool", "seqcls", "--type", "process"),
}


def main(name: str, *arguments: str) -> None:
    """Become that command; what Prefect writes is for this user alone."""
    os.umask(0o077)
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    if name == "server":
        for line in prepare_server(home):
            print(line, flush=True)
    else:
        join_server(home)
    os.execv(sys.executable, [sys.executable, "-m", *COMMANDS[name], *arguments])  # noqa: S606 (no shell)


def prepare_server(home: Path) -> list[str]:
    """Set the password and store the server's address; returns what to tell the person who started it."""
    place = f"http://{os.environ['PREFECT_SERVER_API_HOST']}:{os.environ['PREFECT_SERVER_API_PORT']}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / URL).write_text(f"{place}/api\n")
    if os.environ.get(FOR_THE_SERVER):
        return [f"{place} asks for the password in {FOR_THE_SERVER}"]
    os.environ[FOR_THE_SERVER] = make_password(home / PASSWORD)
    return [f"{place} asks once for a password: it is the line in {home / PASSWORD}"]


def join_server(home: Path) -> None:
    """The password of the server that was started with this PREFECT_HOME, if PREFECT_API_URL names that server."""
    if os.environ.get(FOR_CLIENTS) or not (home / URL).is_file() or not (home / PASSWORD).is_file():
        return
    if os.environ.get("PREFECT_API_URL") == (home / URL).read_text().strip():
        os.environ[FOR_CLIENTS] = make_password(home / PASSWORD)


def make_password(path: Path) -> str:
    """Read the password; create it first if there is none."""
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(f"seqcls:{secrets.token_urlsafe(24)}\n")
    except FileExistsError:
        pass  # of an earlier start
    return path.read_text().strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
