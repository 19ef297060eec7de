"""What `family = "auto"` tried, for the page and the card: a table, a figure, a sentence, the lines to pin.

In: `Search`. Out: HTML and Markdown cells. Promise: every candidate is shown, also those that there was no time for.
"""

from __future__ import annotations

from seqcls.evaluation.report import tables
from seqcls.evaluation.report.tables import number, text
from seqcls.evaluation.tried import Search, Tried

HEAD = ("Candidate", "Family", "Score", "Chosen minus this, 95 %", "Log loss", "Epochs", "Seconds", "State")
TEXTS = frozenset({"Candidate", "Family", "State"})


def spent(found: Search) -> str:
    """How the candidates were judged, and what it cost."""
    return (
        f"{len(found.candidates)} candidates, judged by {found.metric.replace('_', ' ')} on {found.rows:,} rows: "
        f"{found.judged}. {found.seconds:.0f} of {found.budget_seconds:.0f} seconds. No test row was read."
    )


def rows_of(found: Search) -> list[tuple[str, ...]]:
    """Cells of every candidate, as plain text."""
    return [_cells(one, is_chosen=one.name == found.chosen) for one in found.candidates]


def _cells(one: Tried, *, is_chosen: bool) -> tuple[str, ...]:
    marks = [mark for mark, holds in (("chosen", is_chosen), ("linear baseline", one.linear)) if holds]
    return (
        one.name + (f" ({', '.join(marks)})" if marks else ""),
        one.family,
        number(one.score),
        f"{one.behind[0]:+.3f} to {one.behind[1]:+.3f}" if one.behind else "",
        number(one.log_loss),
        f"{one.epochs} of {one.most_epochs}" if one.epochs else "0",
        f"{one.seconds:.1f}",
        one.state,
    )


def search_section(found: Search, figure: str) -> str:
    """HTML of the section."""
    head = "".join(f'<th class="name">{title}</th>' if title in TEXTS else f"<th>{title}</th>" for title in HEAD)
    lines = [f"<tr>{''.join(map(_cell, HEAD, cells))}</tr>" for cells in rows_of(found)]
    pinned = "\n".join(text(line) for line in found.pin.splitlines())
    return (
        f"<p>{text(spent(found))}</p><p>Chosen: {text(found.chosen)}. {text(found.why)}.</p>"
        f'<div class="card">{figure}</div>{tables.table(head, lines)}'
        "<p>The same model without a search: these lines in the place of those of the pipeline file.</p>"
        f"<pre><code>{pinned}</code></pre>"
    )


def _cell(title: str, value: str) -> str:
    return f"<td{' class=name' if title in TEXTS else ''}>{text(value) if value else ''}</td>"
