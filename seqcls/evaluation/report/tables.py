"""Pieces of the report as HTML: headline cards, tables, the confusion matrix.

In: metrics and facts. Out: HTML text. Promise: whatever comes from the data goes through `text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from seqcls.evaluation.metrics import ClassMetrics, Metrics
from seqcls.evaluation.report.facts import Baselines, Evaluation, Facts
from seqcls.table import SPLITS

FIGURES = {
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "mcc": "Matthews correlation",
    "auroc": "AUROC",
    "log_loss": "Log loss",
    "ece": "Calibration error",
    "brier": "Brier score",
}
HEADLINE = ("balanced_accuracy", "accuracy", "macro_f1", "mcc")
LOWER_IS_BETTER = frozenset({"log_loss", "ece", "brier"})
DENSE_FROM = 13
"""Number of classes from which the matrix drops the shares and shrinks."""
ROOMY_TO = 5
MOST_CONFUSIONS, CONFUSIONS_OF_MANY = 12, 50
MOST_IN_MATRIX = 60
"""Classes up to which every pair stands in the matrix; of more, the most frequent confusions are listed."""
MOST_CLASSES = 200
"""Classes that a table shows, the largest first; metrics.json has all."""


def text(value: object) -> str:
    """Anything from outside -> HTML text; blank and unprintable signs are made visible."""
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))
    return escape(line) or "(blank)"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def linear_figures(baselines: Baselines) -> Metrics | None:
    return baselines.linear if isinstance(baselines.linear, Metrics) else None


def table(head: str, rows: list[str], tall: bool = False) -> str:
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="card scroll{" tall" if tall else ""}">{body}</div>'


def headline_cards(evaluation: Evaluation) -> str:
    """The four figures with intervals, each on a scale beside its baselines."""
    return '<div class="grid">' + "".join(_headline_card(evaluation, name) for name in HEADLINE) + "</div>"


def _headline_card(evaluation: Evaluation, name: str) -> str:
    low, high = evaluation.intervals[name]
    linear = linear_figures(evaluation.baselines)
    marks = [("triv", "class shares", "muted", getattr(evaluation.baselines.trivial, name))]
    if linear is not None:
        marks.append(("lin", "linear", "orange", getattr(linear, name)))
    ticks = "".join(f'<b class="{mark}" style="left:{_percent(value)}"></b>' for mark, _, _, value in marks)
    keys = "".join(f'<span style="--c:var(--{colour})">{label} {value:.3f}</span>' for _, label, colour, value in marks)
    own = getattr(evaluation.test, name)
    return (
        f'<div class="card"><h3>{FIGURES[name]}</h3><div class="big">{own:.3f}</div>'
        f'<div class="range">95 % interval {low:.3f} – {high:.3f}</div>'
        f'<div class="track"><i style="left:{_percent(low)};width:{_percent(max(high, 0) - max(low, 0))}"></i>{ticks}'
        f'<b class="net" style="left:{_percent(own)}"></b></div><div class="key">{keys}</div></div>'
    )


def _percent(value: float) -> str:
    return f"{100 * float(np.clip(value, 0, 1)):.1f}%"


def figures_table(evaluation: Evaluation) -> str:
    """Every figure: network on test and validation, baselines on the same test rows."""
    linear, rows = linear_figures(evaluation.baselines), []
    for name, title in FIGURES.items():
        interval = evaluation.intervals.get(name)
        cells = [
            f'<td class="own">{number(getattr(evaluation.test, name))}</td>',
            f'<td class="less">{f"{interval[0]:.3f} – {interval[1]:.3f}" if interval else ""}</td>',
            *(
                f"<td>{number(getattr(one, name)) if one else '–'}</td>"
                for one in (evaluation.valid, linear, evaluation.baselines.trivial)
            ),
        ]
        hint = ' <span class="less">(low is good)</span>' if name in LOWER_IS_BETTER else ""
        rows.append(f'<tr><td class="name">{title}{hint}</td>{"".join(cells)}</tr>')
    head = "".join(f"<th>{title}</th>" for title in ("Test", "95 % interval", "Validation", "Linear", "Class shares"))
    return table(f"<th>Figure</th>{head}", rows)


def class_table(metrics: Metrics) -> str:
    """Precision, recall, F1 and AUROC of each class, the largest first."""
    rows = [_class_row(one) for one in sorted(metrics.classes, key=lambda one: -one.support)[:MOST_CLASSES]]
    head = "".join(f"<th>{title}</th>" for title in ("Test rows", "Predicted", "Precision", "Recall", "F1", "AUROC"))
    return table(f"<th>Class</th>{head}", rows, tall=True) + smaller_classes(len(metrics.classes))


def smaller_classes(classes: int) -> str:
    """A note where a table of classes ends before all are shown."""
    left = classes - MOST_CLASSES
    return (
        f'<p class="note">{left:,} smaller classes stand in metrics.json, beside this report.</p>' if left > 0 else ""
    )


def _class_row(one: ClassMetrics) -> str:
    bars = (
        _bar(one.precision, "blue", one.predicted > 0),
        _bar(one.recall, "orange", one.support > 0),
        _bar(one.f1, "green", one.support + one.predicted > 0),
    )
    return (
        f'<tr><td class="name">{text(one.name)}</td><td>{one.support:,}</td><td>{one.predicted:,}</td>'
        f"{''.join(bars)}<td>{number(one.auroc)}</td></tr>"
    )


def _bar(value: float, colour: str, is_defined: bool) -> str:
    if not is_defined:
        return '<td class="less">–</td>'
    return f'<td>{value:.3f}<span class="bar"><i style="width:{_percent(value)};--c:var(--{colour})"></i></span></td>'


def confusion_table(metrics: Metrics) -> str:
    """Counts and, for few classes, shares of the true class; colour grows with it, so that rare mistakes show."""
    counts = dense_confusions(metrics, range(len(metrics.classes)))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    dense = len(metrics.classes) >= DENSE_FROM
    size = "dense" if dense else "roomy" if len(metrics.classes) <= ROOMY_TO else ""
    names = [text(one.name) for one in metrics.classes]
    head = "".join(f'<th title="{name}"><span class="turn">{name}</span></th>' for name in names)
    body = []
    for row, name in enumerate(names):
        cells = []
        for column, count in enumerate(counts[row]):
            kind = ("on" if row == column else "off") if count else "none"
            small = "" if dense or not count else f"<small>{share[row, column]:.0%}</small>"
            shown = f"{count}" if count else ("" if dense else '<span class="less">0</span>')
            title = f' title="{name} → {names[column]}: {share[row, column]:.1%}"' if count else ""
            cells.append(f'<td class="{kind}" style="--v:{share[row, column] ** 0.6:.2f}"{title}>{shown}{small}</td>')
        body.append(f'<tr><th title="{name}">{name}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="card scroll tall"><table class="matrix {size}"><thead><tr>'
        f'<th class="less">true ↓ predicted →</th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def dense_confusions(metrics: Metrics, chosen: Sequence[int]) -> npt.NDArray[np.int64]:
    """Counts between the chosen classes: row = true class, column = predicted class."""
    place = {k: number for number, k in enumerate(chosen)}
    counts = np.zeros((len(place), len(place)), np.int64)
    for true, predicted, rows in metrics.confusions:
        if true in place and predicted in place:
            counts[place[true], place[predicted]] = rows
    return counts


def confusion_list(metrics: Metrics) -> str:
    """The most frequent mistakes."""
    most = MOST_CONFUSIONS if len(metrics.classes) <= MOST_IN_MATRIX else CONFUSIONS_OF_MANY
    wrong = sorted((cell for cell in metrics.confusions if cell[0] != cell[1]), key=lambda cell: -cell[2])[:most]
    if not wrong:
        return '<p class="note">No test row was put into a wrong class.</p>'
    rows = []
    for true, predicted, count in wrong:
        share = count / metrics.classes[true].support
        names = "".join(f'<td class="name">{text(metrics.classes[k].name)}</td>' for k in (true, predicted))
        rows.append(f"<tr>{names}<td>{count:,}</td>{_bar(share, 'orange', True)}</tr>")
    head = '<th class="name">True</th><th class="name">Predicted as</th><th>Rows</th><th>Share of the true class</th>'
    return table(head, rows)


def split_table(facts: Facts) -> str:
    """Rows of each class in each split."""
    names = list(dict.fromkeys(name for split in SPLITS for name in facts.class_rows.get(split, {})))
    head = "".join(f"<th>{title}</th>" for title in ("Train", "Valid", "Test"))
    books = [(name, [facts.class_rows.get(split, {}).get(name, 0) for split in SPLITS]) for name in names]
    if len(books) > MOST_CLASSES:
        books = sorted(books, key=lambda book: -sum(book[1]))[:MOST_CLASSES]
    lines = [(text(name), counts) for name, counts in books]
    total = ("<b>All</b>", [sum(facts.class_rows.get(split, {}).values()) for split in SPLITS])
    rows = [
        f'<tr><td class="name">{name}</td>{"".join(f"<td>{n:,}</td>" for n in counts)}</tr>'
        for name, counts in [*lines, total]
    ]
    return table(f"<th>Class</th>{head}", rows, tall=True) + smaller_classes(len(names))


def fact_list(title: str, facts: Mapping[str, object], empty: str = "none") -> str:
    """A card of names and values."""
    lines = "".join(
        f"<dt>{text(name)}</dt><dd>{f'{value:,}' if isinstance(value, int | float) else text(value)}</dd>"
        for name, value in facts.items()
    )
    inner = f"<dl>{lines}</dl>" if lines else f'<p class="note">{text(empty)}</p>'
    return f'<div class="card"><h3>{text(title)}</h3>{inner}</div>'
