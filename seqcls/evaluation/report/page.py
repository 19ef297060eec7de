"""The report: one HTML page.

In: an evaluation and the facts beside it. Out: HTML text that needs nothing else: no script, no request, figures
inline. Promise: readable in light and dark, on a phone, with 2 and with 50 classes; nothing from the data is markup.
"""

from __future__ import annotations

from seqcls.config.model import find_family
from seqcls.evaluation.report import figures, tables
from seqcls.evaluation.report.facts import Evaluation, Facts, NoBaseline
from seqcls.evaluation.report.search import search_section
from seqcls.evaluation.report.style import STYLE
from seqcls.evaluation.report.tables import text
from seqcls.evaluation.report.words import LIMITS, MEANINGS, confidence_lines, spoken, verdict

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
    title = f"{text(facts.pipeline)}: evaluation"
    bodies = {
        "figures": _figures(evaluation),
        "learning": _learning(facts, drawn),
        "classes": _classes(evaluation, facts),
        "mistakes": _mistakes(evaluation),
        "trust": _trust(evaluation, drawn),
        "data": _data(facts),
        "again": _again(facts),
        "limits": "<ul>" + "".join(f"<li>{text(line)}</li>" for line in LIMITS) + "</ul>",
    }
    if facts.search is not None:
        bodies["search"] = search_section(facts.search, drawn["search"])
    shown = {name: label for name, label in SECTIONS.items() if name in bodies}
    links = "".join(f'<a href="#{name}">{label}</a>' for name, label in shown.items())
    sections = "".join(
        f'<section><h2 id="{name}">{label}</h2>{bodies[name]}</section>' for name, label in shown.items()
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>{text(facts.pipeline)}</h1>{_tags(evaluation, facts)}<nav>{links}</nav></header>"
        f"{_verdict(evaluation)}{tables.headline_cards(evaluation)}{sections}"
        f"<footer>Model <code>{text(evaluation.model)}</code></footer></main></body></html>\n"
    )


def _tags(evaluation: Evaluation, facts: Facts) -> str:
    tags = [facts.kind, facts.family, f"{len(evaluation.test.classes)} classes", f"{evaluation.test.rows:,} test rows"]
    return "".join(f'<span class="tag">{text(tag)}</span>' for tag in [*tags, f"model {evaluation.model[:12]}"])


def _verdict(evaluation: Evaluation) -> str:
    mood, line, detail = verdict(evaluation)
    return f'<div class="card verdict {mood}"><p>{text(line)}</p><p class="note">{text(detail)}</p></div>'


def _figures(evaluation: Evaluation) -> str:
    linear = evaluation.baselines.linear
    if isinstance(linear, NoBaseline):
        note = f"No linear baseline: {linear.skipped}."
    else:
        note = f"The linear baseline was fitted on {evaluation.linear_rows:,} training rows."
    meanings = "".join(f"<dt>{text(name)}</dt><dd>{text(meaning)}</dd>" for name, meaning in MEANINGS.items())
    return (
        f"<p>The network must beat what costs seconds: a linear model on counted parts of the sequence, and the bare "
        f"class shares. {text(note)}</p>{tables.figures_table(evaluation)}"
        f"<details><summary>What the figures mean</summary><div class=card><dl>{meanings}</dl></div></details>"
    )


def _learning(facts: Facts, drawn: dict[str, str]) -> str:
    if not facts.history:
        return '<p class="note">The model came without a training history.</p>'
    if find_family(facts.family).trained == "fit":
        return f'<p class="note">{text(_fitted(facts))}</p>'
    best = figures.best_epoch(facts.history)
    epochs = f"{len(facts.history)} epoch{'s' if len(facts.history) > 1 else ''}"
    note = f"{epochs}; lowest validation loss {best['valid_loss']:.4f} in epoch {best['epoch']:.0f} (dashed)."
    cards = "".join(f'<div class="card">{drawn[name]}</div>' for name in ("loss", "scores"))
    return f'<p class="note">{text(note)}</p><div class="pair">{cards}</div>'


def _fitted(facts: Facts) -> str:
    """A family without epochs has no curves."""
    losses = facts.history[0]
    judged = "validation rows" if sum(facts.class_rows.get("valid", {}).values()) else "training rows held out"
    return (
        f"Fitted in one go, not in epochs: loss {losses['train_loss']:.4f} on training rows, "
        f"{losses['valid_loss']:.4f} on {judged}."
    )


def _classes(evaluation: Evaluation, facts: Facts) -> str:
    alike = "".join(f'<p class="note"><b>Warning:</b> {text(line)}.</p>' for line in facts.alike)
    return f"<p>Every class by itself, the largest first.</p>{alike}{tables.class_table(evaluation.test)}"


def _mistakes(evaluation: Evaluation) -> str:
    if len(evaluation.test.classes) > tables.MOST_IN_MATRIX:
        return f"<p>The most frequent mistakes.</p>{tables.confusion_list(evaluation.test)}"
    layout = "pair" if len(evaluation.test.classes) <= tables.ROOMY_TO else "stack"
    return (
        "<p>Rows are true classes, columns what the network said. Colour is the share of the true class: "
        "blue is right, orange is wrong.</p>"
        f'<div class="{layout}">{tables.confusion_table(evaluation.test)}{tables.confusion_list(evaluation.test)}</div>'
    )


def _trust(evaluation: Evaluation, drawn: dict[str, str]) -> str:
    notes = "".join(f"<p>{text(line)}</p>" for line in confidence_lines(evaluation))
    return (
        f"{notes}"
        "<p>Confidence is the largest probability of a row. Points on the dashed line mean that it can be read as the "
        "chance of being right; below the line the network is too sure. The numbers count rows.</p>"
        f'<div class="pair"><div class="card">{drawn["calibration"]}</div>'
        f'<div class="card">{drawn["confidence"]}</div></div>'
    )


def _data(facts: Facts) -> str:
    names = {"rows_in": "rows in", "accepted": "accepted", "rejected": "rejected"}
    rows = {names[name]: count for name, count in facts.rows.items()}
    cards = [
        tables.fact_list("Rows", rows),
        tables.fact_list("Rejected by rule", facts.rejects, empty="No row was rejected."),
        tables.fact_list("Found by the checks", facts.found, empty="Every rule held for every row."),
        tables.fact_list("Encoding", spoken(facts.encoding)),
        tables.fact_list("Leakage and splits", spoken(facts.leakage), empty="Nothing was looked for."),
    ]
    if facts.more:
        cards.append(tables.fact_list("Also", facts.more))
    return f'<div class="grid">{"".join(cards)}</div>{tables.split_table(facts)}'


def _again(facts: Facts) -> str:
    command = f"seqcls train {facts.pipeline}.toml"
    return (
        f"<p>The same input files, settings and number of threads give the same artefacts, named by the "
        f"digest of their content.</p><pre><code>{text(command)}</code></pre>"
        f'<div class="pair">{tables.fact_list("Artefacts", facts.inputs)}'
        f"{tables.fact_list('Model', spoken(facts.model))}</div>"
        f"<details><summary>All settings</summary>{tables.fact_list('Settings', facts.settings)}</details>"
    )


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
