"""The Prefect server that `make server` starts, seen from a command that does without one.

In: the environment, and what `make server` wrote down in PREFECT_HOME (flows/server.py). Out: whether the server
answers and its database is whole. Training and scoring from the command line need neither; schedules and the UI do.
"""

from __future__ import annotations

import os
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.parse import quote

URL = "server.url"
CHECKOUT = Path(__file__).parents[2]


class Health(NamedTuple):
    healthy: bool
    found: str
    remedy: str = ""


def prefect_home() -> Path:
    """PREFECT_HOME; without it the folder that the Makefile uses, then Prefect's own."""
    given = os.environ.get("PREFECT_HOME")
    if given:
        return Path(given).expanduser()
    found = (folder / ".prefect" for folder in (Path.cwd(), CHECKOUT))
    return next((path for path in found if path.is_dir()), Path("~/.prefect").expanduser())


def server_health() -> Health:
    """Of the server that is configured, else of the one that `make server` started last; without either all is well."""
    url, note = os.environ.get("PREFECT_API_URL"), prefect_home() / URL
    remedy = "`make server`"
    if not url and note.is_file():
        url = note.read_text().strip()
        remedy += f"; where no server is wanted any more, remove {note}"
    if not url:
        return Health(True, "none was started (`make server` starts one)")
    if not url.startswith(("http://", "https://")):
        return Health(False, f"PREFECT_API_URL is {url!r}", "set it to http://127.0.0.1:4200/api")
    try:  # this one page needs no password
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 (scheme checked above)
            return Health(answer.status == 200, f"{url} answers {answer.status}", remedy)
    except (URLError, TimeoutError) as error:
        return Health(False, f"{url} does not answer ({error})", remedy)


def database_health() -> Health:
    """Runs and schedules, no data."""
    path = prefect_home() / "prefect.db"
    if os.environ.get("PREFECT_API_DATABASE_CONNECTION_URL"):
        return Health(True, "not in a file of PREFECT_HOME")
    if not path.is_file():
        return Health(True, f"none yet ({path})")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    remedy = (
        "stop the server and the workers"
        if "locked" in answer
        else f"stop the server and the workers, move {path} away, `make server` and `make deploy`: "
        "the history of runs is lost, models and scores are not"
    )
    return Health(answer == "ok", f"{path}: {' '.join(answer.split())}", remedy)
