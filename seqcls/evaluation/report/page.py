"""The report, one HTML page, and the model card, Markdown with a front of facts for machines.

In: an evaluation, the facts beside it, the figures as SVG. Out: text. Promise: readable in light and dark, on a phone,
with 2 and with 50 classes; nothing from the data is markup. The templates are `report.html` and `model_card.md`.
"""

from __future__ import annotations

from markupsafe import Markup

from seqcls.config.model import find_family
from seqcls.evaluation.report import figures, tables
from seqcls.evaluation.report.facts import Evaluation, Facts, NoBaseline
from seqcls.evaluation.report.words import LIMITS, MEANINGS, confidence_lines, learning, search_cost, spoken, verdict
from seqcls.pages import number, render
from seqcls.table import SPLITS

SECTIONS = {
    "figures": "All figures",
    "search": "What auto tried",
    "learning": "Learning",
    "classes": "Classes",
    "mistakes": "Mistakes",
    "trust": "Confidence",
    "data": "Data",
    "again": "How to repeat this",
    "limits": "Limits",
}


def write_page(evaluation: Evaluation, facts: Facts, drawn: dict[str, str]) -> str:
    """HTML of the whole report; `drawn` holds the figures by name."""
    test, splits = evaluation.test, tables.split_rows(facts)
    classes = f"{len(test.classes)} classes"
    tags = [facts.kind, facts.family, classes, f"{test.rows:,} test rows", f"model {evaluation.model[:12]}"]
    return render(
        "report.html",
        **_shared(evaluation, facts),
        drawn={"loss": None} | {name: Markup(svg) for name, svg in drawn.items()},  # noqa: S704 (figures escape names)
        sections={name: label for name, label in SECTIONS.items() if name != "search" or facts.search},
        tags=tags,
        headlines=_headlines(evaluation),
        figures=tables.list_figures(evaluation),
        meanings=MEANINGS,
        learning=learning(facts),
        classes=tables.largest_classes(test),
        matrix=tables.confusion_matrix(test),
        mistakes=tables.list_mistakes(test),
        rows=spoken(facts.rows),
        encoding=spoken(facts.encoding),
        leakage=spoken(facts.leakage),
        splits=splits[: tables.MOST_CLASSES],
        splits_left=len(splits) - tables.MOST_CLASSES,
        totals=tables.split_totals(facts),
    )


def write_card(evaluation: Evaluation, facts: Facts) -> str:
    """Markdown of the whole model card (Mitchell et al. 2019, "Model Cards for Model Reporting")."""
    test = evaluation.test
    front = {
        "pipeline": facts.pipeline,
        "task": "sequence-classification",
        "kind": facts.kind,
        "family": facts.family,
        "model": evaluation.model,
        "classes": [one.name for one in test.classes],
        "test_rows": test.rows,
        **{name: round(getattr(test, name), 6) for name in tables.HEADLINE},
    }
    shown = tables.largest_classes(test)
    return render(
        "model_card.md",
        **_shared(evaluation, facts),
        front=front,
        classes=[one.name for one in test.classes],
        figures=[
            (one.title, number(one.test), "{:.3f} to {:.3f}".format(*one.interval) if one.interval else "",
             number(one.linear), number(one.trivial))
            for one in tables.list_figures(evaluation)
        ],
        class_rows=[
            (one.name, f"{one.support:,}", f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}")
            for one in shown
        ],
        left=len(test.classes) - len(shown),
        data=_data(facts),
    )  # fmt: skip


def _shared(evaluation: Evaluation, facts: Facts) -> dict[str, object]:
    """What both pages show."""
    linear = evaluation.baselines.linear
    return {
        "evaluation": evaluation,
        "facts": facts,
        "verdict": verdict(evaluation),
        "skipped": linear.skipped if isinstance(linear, NoBaseline) else "",
        "confidence": confidence_lines(evaluation),
        "cost": search_cost(facts.search) if facts.search else "",
        "columns": tables.SEARCH_COLUMNS,
        "candidates": tables.search_rows(facts.search) if facts.search else [],
        "model": spoken(facts.model),
        "limits": LIMITS,
    }


def _headlines(evaluation: Evaluation) -> list[tuple[object, ...]]:
    """(title, figure, interval, marks of the baselines) of the four figures on top."""
    linear = tables.linear_figures(evaluation.baselines)
    beside = [("triv", "class shares", "muted", evaluation.baselines.trivial)]
    beside += [("lin", "linear", "orange", linear)] if linear else []
    return [
        (tables.FIGURES[name], getattr(evaluation.test, name), evaluation.intervals[name],
         [(mark, label, colour, getattr(one, name)) for mark, label, colour, one in beside])
        for name in tables.HEADLINE
    ]  # fmt: skip


def _data(facts: Facts) -> list[tuple[str, str]]:
    """Rows, rejected rows, rows of the splits, encoding and leakage: what the card says of the data."""
    rejects = {f"rejected: {rule}": count for rule, count in facts.rejects.items()}
    counts = spoken(facts.rows) | rejects | dict[str, int](zip(SPLITS, tables.split_totals(facts), strict=True))
    more = spoken(facts.encoding) | {f"leakage: {name}": value for name, value in spoken(facts.leakage).items()}
    return [*((name, f"{count:,}") for name, count in counts.items()), *more.items()]


def draw(evaluation: Evaluation, facts: Facts) -> dict[str, str]:
    """Every figure of the report, by the name of its file."""
    drawn = {
        "calibration": figures.calibration(evaluation.test),
        "confidence": figures.confidence_histogram(evaluation.test),
        "confusion": figures.confusion(evaluation.test),
        "classes": figures.class_scores(evaluation.test),
    }
    if facts.search is not None:
        drawn["search"] = figures.tried_scores(facts.search)
    if facts.history and find_family(facts.family).trained == "epochs":
        drawn |= {"loss": figures.loss_curves(facts.history), "scores": figures.score_curves(facts.history)}
    return drawn
