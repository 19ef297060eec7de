"""Pages for people, from the templates in `templates/`: HTML for the report, Markdown for the Prefect UI.

In: the name of a template and its values. Out: the page as text. Promise: a value is shown and does nothing else. What
a template prints is escaped for the language of its file, unless it is `Markup`; an unknown value is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from seqcls.errors import one_line

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
# What Markdown takes for markup, a table, HTML, an entity or a link when it stands in a text. No HTML entities: the
# interface of Prefect shows them as they are.
_MARKDOWN = re.compile(r"[\\`*_\[\]<>#|&~$!:@]|(?<=www)\.")


def render(template: str, /, **values: object) -> str:
    """A file of `templates/` filled with values; its ending, html or md, says how they are escaped."""
    return _environment(template.rpartition(".")[2]).get_template(template).render(values)


def escape(text: object) -> str:
    """Text from outside -> Markdown that shows it and does nothing else, in a table cell as well."""
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


def visible(text: object) -> str:
    """Text for HTML: a character that cannot be printed becomes the replacement character."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(text))


def number(value: float | None) -> str:
    """Three decimals; a dash where there is no figure."""
    return "–" if value is None else f"{value:.3f}"


@cache
def _environment(language: str) -> Environment:
    # Loading Jinja takes 0.1 s, and most commands show no page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    prepare: Callable[[object], str] = {"html": visible, "md": lambda value: Markup(escape(value))}[language]  # noqa: S704 (escaped)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else prepare(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": number,
        "count": "{:,}".format,
        "percent": lambda share: f"{100 * min(max(share, 0.0), 1.0):.1f}%",
        "named": lambda name: str(name) or "(blank)",
    }
    return environment
