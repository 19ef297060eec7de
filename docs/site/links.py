"""mkdocs hook: links to files outside docs/ work in the repository; the site shows them as the path of the file."""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)#]+)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """`[presets](../../seqcls/search/presets.py)` -> presets (`seqcls/search/presets.py`)."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def show(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, found[2]))
        return found[0] if path.startswith("docs/") else f"{found[1]} (`{path}`)"

    return LINK.sub(show, markdown)
