"""Records -> Prefect artifacts: what people see in the UI. Counts and names only, never values of rows."""

from __future__ import annotations

import re
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

MAX_BYTES = 200_000


def artifact_key(pipeline: str, what: str) -> str:
    """Keys of artifacts are lower-case letters, digits and hyphens; the same key again is its next version."""
    return re.sub(r"[^a-z0-9-]+", "-", f"{pipeline}-{what}".lower()).strip("-")


def show_table(pipeline: str, what: str, rows: list[dict[str, Any]], description: str) -> None:
    create_table_artifact(table=rows, key=artifact_key(pipeline, what), description=description)


def show_markdown(pipeline: str, what: str, text: str, description: str) -> None:
    """Markdown with figures as data URIs; the page is kept under what the server's database should hold."""
    if len(text.encode()) > MAX_BYTES:
        text = re.sub(r"!\[([^\]]*)\]\(data:[^)]*\)", r"*\1: see the report*", text)
    create_markdown_artifact(markdown=text, key=artifact_key(pipeline, what), description=description)
