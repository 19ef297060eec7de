"""Text for people on standard output: plain when piped; in a terminal, headings and the next step are highlighted.

Promise: a value from outside (an id, a class, a file name) is only shown: control sequences are escaped, and nothing is
read as markup. Every command prints through here; `--json` has its own escapes.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqcls.errors import one_line, printable
from seqcls.listener import only_shown

PIPED_WIDTH = 160

STYLES = (
    (re.compile(r"^\S[^:]*:$"), "bold"),
    (re.compile(r"^(warning|note|not promoted)\b.*"), "yellow"),
    (re.compile(r"^\S+@v\d+(?=:| is champion)"), "bold cyan"),
    (re.compile(r"\bis champion\b"), "bold green"),
    (re.compile(r"\b[1-9]\d* rejected"), "yellow"),
    (re.compile(r"Next: .*"), "green"),
)


def show(text: str, console: Console | None = None) -> None:
    """Print the lines; only colours are added, and no line is wrapped, so that paths can be copied."""
    console = console or Console(highlight=False, soft_wrap=True)
    for line in text.split("\n"):
        painted = Text(printable(line))
        for pattern, style in STYLES:
            painted.highlight_regex(pattern, style)
        console.print(painted, soft_wrap=True)


def say(text: str) -> None:
    """The same without colours."""
    print(printable(text))


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()
) -> None:
    """A table whose cells are plain text; `numbers` are the right-aligned columns."""
    table = Table(title=Text(one_line(title)))
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)


def last_words(make: Callable[[], str]) -> None:
    """What a run says when all is committed; a fault of ours in it must not hide that, and `main` tells a full disk."""
    with only_shown("the last words of the run", but=(OSError,)):
        show(make())


def version_number(text: str) -> int:
    """A version as an option value: 2 and v2 are the same."""
    number = text.removeprefix("v")
    if not (number.isascii() and number.isdecimal()) or len(number) > 9:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a version such as v2")
    return int(number)


def at_least_one(text: str) -> int:
    """A whole number as an option value, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)
