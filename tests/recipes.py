"""The code of the recipes in CONTRIBUTING.md, by the file that it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"```python\n# (?P<path>[\w/.]+)(?:, (?:in|among) (?P<place>[\w ]+))?\n(?P<code>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A file to write, or lines to add at a place of a file."""

    path: str
    place: str
    code: str

    def follow(self, tree: Path) -> None:
        file = tree / self.path
        if not self.place:
            file.write_text(self.code)
            return
        lines = file.read_text().splitlines(keepends=True)
        lines.insert(self._line(lines), self.code)
        file.write_text("".join(lines))

    def _line(self, lines: list[str]) -> int:
        """Among the project's own imports by name; after the line that opens a list, a dict or a class."""
        if self.place == "the imports":
            return next(n for n, line in enumerate(lines) if line.startswith("from seqcls.") and line > self.code)
        opening = re.compile(rf"(class |def )?{self.place}\b.*[\[{{(:]$")
        found = next(number for number, line in enumerate(lines) if opening.match(line.rstrip()))
        if lines[found].startswith("def "):
            found = next(number for number in range(found, len(lines)) if lines[number].strip() == "return [")
        return found + 1


def recipe(heading: str) -> list[Step]:
    """The steps under a heading such as "A rule"."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition(f"### {heading}\n")[2].partition("\n##")[0]
    steps = [Step(found["path"], found["place"] or "", found["code"]) for found in _BLOCK.finditer(text)]
    assert steps, heading
    return steps
