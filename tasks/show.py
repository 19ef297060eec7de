"""Records -> Prefect artifacts in the UI. Counts and names only, never values of rows.

Promise: a table or a page that cannot be made, or that the server refuses, is a warning in the log; the stage itself
succeeded. So callers pass functions, which are called in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact

from seqcls.errors import SeqclsError, first_line, printable
from seqcls.listener import only_shown
from seqcls.messages import checks_table, failure_page
from seqcls.pages import render
from seqcls.store.artefacts import Ref
from seqcls.validation.checks import read_checks

MAX_BYTES = 200_000
MAX_ROWS = 500


def artifact_key(pipeline: str, what: str) -> str:
    """Keys of artifacts are lower-case letters, digits and hyphens; the same key again is its next version."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{pipeline}-{what}".lower()).strip("-")


def show_table(
    pipeline: str, what: str, make: Callable[[], list[dict[str, Any]]], describe: Callable[[], str]
) -> None:  # fmt: skip
    """Show the rows that `make` returns."""
    show_markdown(pipeline, what, lambda: _table(make()), describe)


def _table(rows: list[dict[str, Any]]) -> str:
    """As Markdown: the interface sorts the columns of a table artifact by name, and shows 17 digits of a share."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name, "")) for name in names] for row in rows[:MAX_ROWS]]
    return render("table.md", head=names, rows=cells, left=len(rows) - MAX_ROWS)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_markdown(pipeline: str, what: str, make: Callable[[], str], describe: Callable[[], str]) -> None:
    """Markdown with figures as data URIs; the page is kept under what the server's database should hold."""
    with only_shown(f"the artifact {what}", _warn):
        text = make()
        if len(text.encode()) > MAX_BYTES:
            text = re.sub(r"!\[([^\]]*)\]\(data:[^)]*\)", r"*\1: see the report*", text)
        create_markdown_artifact(markdown=text, key=artifact_key(pipeline, what), description=printable(describe()))


def log_last_words(make: Callable[[], str]) -> None:
    """The final log message, after everything is committed."""
    with only_shown("the last words of the run", _warn):
        get_run_logger().info(printable(make()))


def _warn(line: str) -> None:
    get_run_logger().warning(line)


def show_failure(pipeline: str, error: SeqclsError) -> None:
    """Why the run failed and what to do, in the words of the command."""
    show_markdown(pipeline, "failed", lambda: failure_page(error), lambda: first_line(error))


def checks_of(folder: str) -> str:
    """Markdown of all checks in the folder of a `checked` artefact."""
    return checks_table(read_checks(Ref(kind="checked", digest=Path(folder).name, path=folder)))
