"""Records -> Prefect artifacts: what people see in the UI. Counts and names only, never values of rows.

Promise: a table or a page that cannot be made, or that the server does not take, is a warning in the log; the work of
the stage is done and counts. So both are given as calls, which are made in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from seqcls.display import only_shown
from seqcls.errors import printable

MAX_BYTES = 200_000


def artifact_key(pipeline: str, what: str) -> str:
    """Keys of artifacts are lower-case letters, digits and hyphens; the same key again is its next version."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{pipeline}-{what}".lower()).strip("-")


def show_table(pipeline: str, what: str, make: Callable[[], list[dict[str, Any]]], description: str) -> None:
    """The rows that `make` gives."""
    with only_shown(f"the artifact {what}", _warn):
        create_table_artifact(table=make(), key=artifact_key(pipeline, what), description=description)


def show_markdown(pipeline: str, what: str, make: Callable[[], str], description: str) -> None:
    """Markdown with figures as data URIs; the page is kept under what the server's database should hold."""
    with only_shown(f"the artifact {what}", _warn):
        text = make()
        if len(text.encode()) > MAX_BYTES:
            text = re.sub(r"!\[([^\]]*)\]\(data:[^)]*\)", r"*\1: see the report*", text)
        create_markdown_artifact(markdown=text, key=artifact_key(pipeline, what), description=description)


def log_last_words(make: Callable[[], str]) -> None:
    """What a run says when all is committed."""
    with only_shown("the last words of the run", _warn):
        get_run_logger().info(printable(make()))


def _warn(line: str) -> None:
    get_run_logger().warning(line)
