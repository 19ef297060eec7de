"""The model card: Markdown with a front section of facts (Mitchell et al. 2019, "Model Cards for Model Reporting").

In: an evaluation and its facts. Out: Markdown. Promise: names from the data cannot break the tables or become markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from seqcls.evaluation.report.facts import Evaluation, Facts, NoBaseline
from seqcls.evaluation.report.search import HEAD, rows_of, spent
from seqcls.evaluation.report.tables import FIGURES, HEADLINE, linear_figures, number
from seqcls.evaluation.report.tables import MOST_CLASSES as MOST_ROWS
from seqcls.evaluation.report.words import LIMITS, confidence_lines, spoken, verdict
from seqcls.evaluation.tried import Search
from seqcls.table import SPLITS

MOST_CLASSES = 50


def write_card(evaluation: Evaluation, facts: Facts) -> str:
    """Markdown of the whole card."""
    parts = [
        _front(evaluation, facts),
        f"# Model card: {plain(facts.pipeline)}",
        f"**{plain(verdict(evaluation)[1])}** {plain(verdict(evaluation)[2])}",
        "## Intended use",
        _use(evaluation, facts),
        "## Figures",
        "\n\n".join([_figures(evaluation), *(plain(line) for line in confidence_lines(evaluation))]),
        "## Classes",
        "\n\n".join([*(f"Warning: {plain(line)}." for line in facts.alike), _classes(evaluation)]),
        *(["## What auto tried", _search(facts.search)] if facts.search else []),
        "## Data",
        _data(facts),
        "## How it was made",
        _table(("setting", "value"), list(spoken(facts.model).items())),
        _table(("artefact", "digest"), list(facts.inputs.items())),
        "## Limits",
        "\n".join(f"- {line}" for line in LIMITS),
    ]
    return "\n\n".join(parts) + "\n"


def plain(value: object) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, one line."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())
    return (
        re.sub(r"([\\`*_{}\[\]<>#|!~$&])", r"\\\1", line)
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )


def _front(evaluation: Evaluation, facts: Facts) -> str:
    """Facts for machines; every value is written as JSON, which is YAML too."""
    lines: dict[str, object] = {
        "pipeline": facts.pipeline,
        "task": "sequence-classification",
        "kind": facts.kind,
        "family": facts.family,
        "model": evaluation.model,
        "classes": [one.name for one in evaluation.test.classes],
        "test_rows": evaluation.test.rows,
        **{name: round(getattr(evaluation.test, name), 6) for name in HEADLINE},
    }
    return "---\n" + "\n".join(f"{key}: {json.dumps(value)}" for key, value in lines.items()) + "\n---"


def _use(evaluation: Evaluation, facts: Facts) -> str:
    names = [plain(one.name) for one in evaluation.test.classes]
    shown = ", ".join(names[:MOST_CLASSES]) + (
        f" and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    )
    return (
        f"Puts one {facts.kind} sequence into one of {len(names)} classes: {shown}.\n\n"
        f"Meant for rows like those of the pipeline `{facts.pipeline}`. Not meant for other sources without a new "
        "evaluation, for rows that belong to none of the classes, or for decisions about people without a person."
    )


def _figures(evaluation: Evaluation) -> str:
    linear, rows = linear_figures(evaluation.baselines), []
    for name, title in FIGURES.items():
        interval = evaluation.intervals.get(name)
        rows.append(
            (
                title,
                number(getattr(evaluation.test, name)),
                f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "",
                number(getattr(linear, name)) if linear else "–",
                number(getattr(evaluation.baselines.trivial, name)),
            )
        )
    skipped = evaluation.baselines.linear
    note = f"\n\nNo linear baseline: {plain(skipped.skipped)}." if isinstance(skipped, NoBaseline) else ""
    return (
        _table(
            (f"{evaluation.test.rows:,} test rows", "network", "95 % interval", "linear baseline", "class shares"), rows
        )
        + note
    )


def _classes(evaluation: Evaluation) -> str:
    classes = sorted(evaluation.test.classes, key=lambda one: -one.support)[:MOST_ROWS]
    left = len(evaluation.test.classes) - len(classes)
    rows = [
        (one.name, f"{one.support:,}", f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}") for one in classes
    ]
    more = f"\n\n{left:,} smaller classes stand in metrics.json." if left else ""
    return _table(("class", "test rows", "precision", "recall", "F1"), rows) + more


def _search(found: Search) -> str:
    lines = "\n".join(f"    {line}" for line in found.pin.splitlines())
    return (
        f"{plain(spent(found))} Chosen: {plain(found.chosen)}. {plain(found.why)}.\n\n"
        f"{_table(HEAD, rows_of(found))}\n\n"
        f"The same model without a search:\n\n{lines}"
    )


def _data(facts: Facts) -> str:
    counts = [(split, f"{sum(facts.class_rows.get(split, {}).values()):,}") for split in SPLITS]
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in facts.rows.items()]
    rejects = [(f"rejected: {rule}", f"{count:,}") for rule, count in facts.rejects.items()]
    more = [
        *spoken(facts.encoding).items(),
        *((f"leakage: {name}", value) for name, value in spoken(facts.leakage).items()),
    ]
    return _table(("what", "rows or share"), [*rows, *rejects, *counts, *more])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(plain(cell) for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
