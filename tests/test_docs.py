"""The documentation site: it builds without a warning, and its pages load nothing from another machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import reference

ROOT = Path(__file__).parents[1]
LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?(https?:)?//[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(ROOT / "docs" / "site" / "mkdocs.yml", folder)
    return folder


def build(config: Path, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(folder)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_site_builds_strictly_with_every_page(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    assert len(pages) > 20
    assert not [page for page in pages if not (site / page).is_file()]


def test_no_page_loads_anything_from_another_machine(site: Path) -> None:
    texts = [path.read_text("utf-8") for path in site.rglob("*.html")]
    assert all("<script" in text for text in texts), "the search itself is broken"
    assert not [found[0] for text in texts for found in LOADED.finditer(text)]


def test_links_to_code_are_shown_as_paths(site: Path) -> None:
    assert "<code>seqcls/search/presets.py</code>" in (site / "how-to" / "auto.html").read_text("utf-8")


def test_the_generated_pages_are_current() -> None:
    stale = [path.name for path, text in reference.pages().items() if path.read_text("utf-8") != text]
    assert not stale, "run `python -m benchmarks.reference`"


def test_every_key_and_every_command_is_on_its_page() -> None:
    config, command = reference.config_page(), reference.command_page()
    assert "| `learning_rate` | number > 0, ≤ 10 | `0.001` |" in config
    assert "| `min_letters` | text |" in config
    assert "### [[promote.floors]]" in config
    assert "| `--rescore` |" in command
