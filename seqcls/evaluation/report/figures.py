"""Figures of the report as SVG text.

In: metrics and training history. Out: one self-contained SVG each, below about 60 kB. Promise: the same numbers give
the same bytes (fixed salt, no date); names from the data are text, never markup or mathematics; no pyplot, so no
state is left behind. Colours are CSS variables with light fallbacks: the page may recolour them, a viewer need not.
Palette: Okabe & Ito 2008, told apart by the colour-blind.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqcls.evaluation.metrics import Metrics
from seqcls.evaluation.report.tables import MOST_IN_MATRIX, dense_confusions
from seqcls.evaluation.tried import Search

INK, MUTED, GRID, PAPER = "#1f2430", "#69707d", "#e3e6eb", "#ffffff"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
VARIABLES = {INK: "ink", MUTED: "muted", GRID: "line", PAPER: "card", BLUE: "blue", ORANGE: "orange", GREEN: "green"}
MOST_ANNOTATED = 12
"""Classes up to which every cell of the confusion figure carries its count."""
LONGEST_NAME = 24
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "legend.frameon": False,
    "text.parse_math": False,
}


def loss_curves(history: list[dict[str, float]]) -> str:
    """Loss over the epochs; the dashed line is the lowest validation loss."""
    return _curves("Loss", history, {"train_loss": ("training", BLUE), "valid_loss": ("validation", ORANGE)}, "loss")


def score_curves(history: list[dict[str, float]]) -> str:
    """Validation figures over the epochs; the dashed line is the lowest validation loss."""
    lines = {
        "balanced_accuracy": ("balanced accuracy", BLUE),
        "accuracy": ("accuracy", GREEN),
        "macro_f1": ("macro F1", ORANGE),
    }
    return _curves("Validation figures", history, lines, "scores")


def best_epoch(history: list[dict[str, float]]) -> dict[str, float]:
    """The record with the lowest validation loss, the first of equals."""
    return min(history, key=lambda record: record["valid_loss"])


def _curves(title: str, history: list[dict[str, float]], lines: dict[str, tuple[str, str]], salt: str) -> str:
    epochs = [record["epoch"] for record in history]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.axvline(best_epoch(history)["epoch"], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for key, (label, colour) in lines.items():
            values = [record[key] for record in history]
            axes.plot(epochs, values, label=label, color=colour, linewidth=1.6, marker="o" if len(epochs) < 3 else None)
        axes.set_title(title, loc="left", fontsize=10, color=INK)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(fontsize=8)
        return _to_svg(figure, salt)


def calibration(metrics: Metrics) -> str:
    """Confidence against accuracy with the rows of each bin: on the diagonal, 80 % sure is right 80 % of the time."""
    bins = [(one.confidence, one.accuracy, one.rows) for one in metrics.calibration if one.rows]
    confidence, accuracy, rows = np.array(bins, dtype=np.float64).T
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 3.5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(confidence, accuracy, color=BLUE, linewidth=1.2)
        axes.scatter(confidence, accuracy, s=14 + 110 * rows / rows.max(), color=BLUE, edgecolor=PAPER, zorder=3)
        for x, y, count in zip(confidence, accuracy, rows, strict=True):
            place = (0, -13 if y > 0.9 else 8)
            axes.annotate(
                f"{count:.0f}", (x, y), place, fontsize=7, color=MUTED, textcoords="offset points", ha="center"
            )
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence", ylabel="share right")
        axes.set_title(f"Calibration (error {metrics.ece:.3f})", loc="left", fontsize=10, color=INK)
        return _to_svg(figure, "calibration")


def confidence_histogram(metrics: Metrics) -> str:
    """How sure the model was, right and wrong answers apart."""
    bins = metrics.calibration
    left = [one.low for one in bins]
    right = np.array([one.rows * (one.accuracy or 0.0) for one in bins])
    wrong = np.array([one.rows for one in bins]) - right
    width = bins[0].high - bins[0].low
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 3.5), layout="constrained")
        axes = figure.subplots()
        axes.bar(left, right, width * 0.9, align="edge", color=BLUE, label="right")
        axes.bar(left, wrong, width * 0.9, bottom=right, align="edge", color=ORANGE, label="wrong")
        axes.set(xlim=(0, 1), xlabel="confidence", ylabel="rows")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.set_title("Confidence", loc="left", fontsize=10, color=INK)
        axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.3)
        return _to_svg(figure, "confidence")


def confusion(metrics: Metrics) -> str:
    """Confusion matrix of the largest classes: colour is the share of the true class; counts where there is room."""
    chosen = sorted(largest(metrics))
    names = [shorten(metrics.classes[k].name) for k in chosen]
    counts = dense_confusions(metrics, chosen)
    share = counts / np.maximum([[metrics.classes[k].support] for k in chosen], 1)
    size = float(np.clip(2.2 + 0.32 * len(names), 3.4, 9.0))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(size + 0.4, size), layout="constrained")
        axes = figure.subplots()
        axes.grid(False)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        small = 8 if len(names) <= 20 else 5
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=small)
        axes.set_yticks(range(len(names)), names, fontsize=small)
        axes.set(xlabel="predicted", ylabel="true")
        if len(names) < len(metrics.classes):
            axes.set_title(_of_many(metrics), loc="left", fontsize=8, color=MUTED)
        if len(names) <= MOST_ANNOTATED:
            for (row, column), count in np.ndenumerate(counts):
                colour = (
                    "#fffffe" if share[row, column] > 0.5 else "#1f2431"
                )  # the cell's colour stays, so does its text's
                axes.text(column, row, f"{count}", ha="center", va="center", fontsize=8, color=colour)
        return _to_svg(figure, "confusion")


def largest(metrics: Metrics) -> list[int]:
    """The classes that a figure has room for, the largest first."""
    order = sorted(range(len(metrics.classes)), key=lambda k: -metrics.classes[k].support)
    return order[:MOST_IN_MATRIX]


def _of_many(metrics: Metrics) -> str:
    return f"the {MOST_IN_MATRIX} largest of {len(metrics.classes):,} classes"


def class_scores(metrics: Metrics) -> str:
    """Precision, recall and F1 of each class, the largest class on top."""
    classes = [metrics.classes[k] for k in largest(metrics)][::-1]
    place = np.arange(len(classes))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.0, float(np.clip(1.0 + 0.42 * len(classes), 2.0, 12.0))), layout="constrained")
        axes = figure.subplots()
        for step, (field, colour) in enumerate((("f1", GREEN), ("recall", ORANGE), ("precision", BLUE))):
            axes.barh(
                place + (step - 1) * 0.26, [getattr(one, field) for one in classes], 0.24, color=colour, label=field
            )
        small = 8 if len(classes) <= 25 else 6
        axes.set_yticks(place, [f"{shorten(one.name)} ({one.support})" for one in classes], fontsize=small)
        axes.grid(False, axis="y")
        axes.set(xlim=(0, 1), ylim=(-0.6, len(classes) - 0.4))
        if len(classes) < len(metrics.classes):
            axes.set_xlabel(_of_many(metrics))
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], fontsize=8, ncols=3, loc="outside upper left")
        return _to_svg(figure, "classes")


def tried_scores(found: Search) -> str:
    """Scores of the candidates that were judged, the best on top; small dots are the folds."""
    judged = [(one, one.score) for one in found.candidates if one.score is not None][::-1]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.0, float(np.clip(0.9 + 0.34 * len(judged), 1.8, 12.0))), layout="constrained")
        axes = figure.subplots()
        for place, (one, score) in enumerate(judged):
            colour = GREEN if one.name == found.chosen else ORANGE if one.linear else BLUE
            folds = one.fold_scores if len(one.fold_scores) > 1 else []
            axes.scatter(folds, [place] * len(folds), s=12, color=MUTED, alpha=0.6)
            axes.scatter([score], [place], s=60, color=colour, edgecolor=PAPER, zorder=3)
        names = [f"{shorten(one.name)} ({one.seconds:.0f} s)" for one, _ in judged]
        axes.set_yticks(range(len(judged)), names, fontsize=8)
        axes.set(ylim=(-0.6, len(judged) - 0.4), xlabel=found.metric.replace("_", " "))
        axes.set_title("What auto tried", loc="left", fontsize=10, color=INK)
        return _to_svg(figure, "search")


def as_data_uri(svg: str) -> str:
    """SVG text -> a data URI, for places that take no files."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def shorten(name: str) -> str:
    """A name for an axis: one line, at most LONGEST_NAME characters, nothing that XML forbids."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split()) or "(blank)"
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"


def _to_svg(figure: Figure, salt: str) -> str:
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": salt}), warnings.catch_warnings():
        # The text stays text: whether the reader's fonts have the glyph matters, not whether Matplotlib's have.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' id="(?!C\d)[A-Za-z0-9.]+_\d+"', "", svg)  # ids of groups: they clash on a page with two figures
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)  # would style the whole page
    svg = svg.replace("<svg ", '<svg style="stroke-linejoin: round; stroke-linecap: butt" ', 1)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", svg)
    svg = re.sub(r'(?<= [dxy]=")[^"]*', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    for colour, name in VARIABLES.items():
        svg = svg.replace(f": {colour}", f": var(--{name}, {colour})")
    return re.sub(r"\n\s*", "\n", svg)
