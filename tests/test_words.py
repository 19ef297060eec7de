"""Plain English: words that only this project would use do not come back into code, messages and pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRIVATE = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\bof before\b": "earlier, previous",
    r"\bof now\b": "current",
    r"\bby heart\b": "overfits, memorises",
    r"\bfor want of\b": "because there is no",
    r"\btold of\b": "reported",
    r"\b(is|are) no UTF-8\b": "is not UTF-8",
}
GENERATED = "docs/evidence/faults.md"  # it quotes what the tests tried


def pages() -> list[Path]:
    code = [path for room in ("seqcls", "flows", "tasks") for path in (ROOT / room).rglob("*.py")]
    prose = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return sorted({*code, *prose} - {ROOT / GENERATED})


@pytest.mark.parametrize("word", PRIVATE)
def test_a_private_word_has_gone(word: str) -> None:
    pattern = re.compile(word, re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in pages()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"write {PRIVATE[word]!r} instead:\n" + "\n".join(found)


def test_pages_are_found() -> None:
    assert len(pages()) > 250
