"""Text for people on standard output: plain when piped; in a terminal the headings and the next step stand out."""

from __future__ import annotations

import argparse
import re

from rich.console import Console
from rich.text import Text

from seqcls.errors import printable

STYLES = (
    (re.compile(r"^\S[^:]*:$"), "bold"),
    (re.compile(r"^(warning|note|not promoted)\b.*"), "yellow"),
    (re.compile(r"^\S+@v\d+(?=:| is champion)"), "bold cyan"),
    (re.compile(r"\bis champion\b"), "bold green"),
    (re.compile(r"\b[1-9]\d* rejected"), "yellow"),
    (re.compile(r"Next: .*"), "green"),
)


def show(text: str, console: Console | None = None) -> None:
    """Print the lines; nothing but colours is added, and no line is broken, so that paths can be copied."""
    console = console or Console(highlight=False, soft_wrap=True)
    for line in text.split("\n"):
        painted = Text(printable(line))
        for pattern, style in STYLES:
            painted.highlight_regex(pattern, style)
        console.print(painted, soft_wrap=True)


def at_least_one(text: str) -> int:
    """A whole number of an option, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)
