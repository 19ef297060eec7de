"""The figures of benchmarks.md. In: rows of the CSV files. Out: SVG text; the same rows give the same bytes.

Every function draws what is there: a set, a peer or an axis that no row has is not in the figure.
Palette: Okabe and Ito 2008, told apart by the colour-blind; markers differ too.
"""

from __future__ import annotations

import io
import math
from itertools import groupby
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.measured import Row, number

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "seqcls",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e6eb",
    "legend.frameon": False,
    "text.parse_math": False,
}
MARKS = {
    "auto": ("#d55e00", "*"),
    "config": ("#0072b2", "o"),
    "rocket": ("#009e73", "s"),
    "aeon": ("#56b4e9", "^"),
    "ngrams": ("#009e73", "D"),
    "fastText": ("#cc79a7", "v"),
}
PEERS = {"seqcls": "#d55e00", "torch": "#0072b2", "keras": "#009e73"}
COLUMNS = 4


def accuracy_against_seconds(points: list[Row]) -> str:
    """A panel a set: `who`, `seconds`, `accuracy` of each run."""
    with mpl.rc_context(STYLE):
        groups = {name: list(rows) for name, rows in groupby(sorted(points, key=_set_of), key=_set_of)}
        lines = math.ceil(len(groups) / COLUMNS)
        figure = Figure(figsize=(2.7 * COLUMNS, 2.1 * lines + 0.5), layout="constrained")
        panels = figure.subplots(lines, COLUMNS, squeeze=False, sharex=True).ravel()
        for axes in panels[len(groups) :]:
            axes.set_axis_off()
        for axes, (name, rows) in zip(panels, groups.items(), strict=False):
            axes.set(title=name, xscale="log", xlabel="seconds of training", ylabel="test accuracy")
            axes.tick_params(labelbottom=True)  # else only the lowest panels of a shared axis have numbers
            plain_numbers(axes)
            for who, (colour, mark) in MARKS.items():
                _points(axes, [row for row in rows if row["who"] == who], colour, mark)
        present = {str(row["who"]) for row in points}
        shown = [Line2D([], [], color=c, marker=m, linestyle="", label=w)
                 for w, (c, m) in MARKS.items() if w in present]  # fmt: skip
        figure.legend(handles=shown, loc="outside lower center", ncols=len(shown))
        return to_svg(figure)


def _points(axes: Axes, rows: list[Row], colour: str, mark: str) -> None:
    seconds = [max(number(row, "seconds") or 0.0, 0.01) for row in rows]
    axes.plot(seconds, [number(row, "accuracy") for row in rows], mark, color=colour, markersize=5, alpha=0.8)


def _set_of(row: Row) -> str:
    return str(row["set"])


def rows_a_second(rows: list[Row]) -> str:
    """speed.csv: bars of medians, training left and scoring right, on a logarithmic axis."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 3), layout="constrained")
        for axes, what in zip(figure.subplots(1, 2), ("train", "score"), strict=True):
            chosen = [row for row in rows if row["what"] == what]
            names = [name for name in PEERS if any(number(row, f"{name}_rows_s") for row in chosen)]
            for place, name in enumerate(names):
                spots = [at + (place - (len(names) - 1) / 2) * 0.25 for at in range(len(chosen))]
                heights = [number(row, f"{name}_rows_s") or math.nan for row in chosen]
                axes.bar(spots, heights, 0.23, color=PEERS[name], label=name)
            axes.set(title=what, ylabel="rows/s", yscale="log")
            plain_numbers(axes)
            axes.set_xticks(range(len(chosen)), [str(row["case"]) for row in chosen])
            axes.legend()
        return to_svg(figure)


def scaling(rows: list[Row]) -> str:
    """scaling.csv: seconds of all rows and peak memory against what grows, both axes logarithmic."""
    names = [name for name in ("rows", "length", "classes") if any(row["axis"] == name for row in rows)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3 * len(names), 5), layout="constrained")
        panels = figure.subplots(2, len(names), squeeze=False)
        for column, name in enumerate(names):
            chosen = sorted((row for row in rows if row["axis"] == name), key=lambda row: number(row, name) or 0)
            sizes = [number(row, name) for row in chosen]
            time_axes, memory_axes = panels[0, column], panels[1, column]
            for what, colour in (("train", "#d55e00"), ("score", "#0072b2")):
                taken = [(number(row, "rows") or 0) / (number(row, f"{what}_rows_s") or math.nan) for row in chosen]
                time_axes.plot(sizes, taken, "o-", color=colour, label=what)
            memory_axes.plot(sizes, [number(row, "peak_mib") for row in chosen], "o-", color="#009e73")
            time_axes.set(title=name, xscale="log", yscale="log", ylabel="seconds of all rows", xlabel=name)
            memory_axes.set(xscale="log", ylabel="peak, MiB", xlabel=name, ylim=(0, None))
            plain_numbers(time_axes)
            plain_numbers(memory_axes)
            time_axes.legend()
        return to_svg(figure)


def memory(rows: list[Row]) -> str:
    """memory.csv and road_speed.csv: peak of each stage for each number of rows."""
    stages = list(dict.fromkeys(str(row["stage"]) for row in rows))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
        for stage in stages:
            chosen = sorted((row for row in rows if row["stage"] == stage), key=lambda row: number(row, "rows") or 0)
            sizes = [number(row, "rows") for row in chosen]
            axes.plot(sizes, [number(row, "peak_mib") for row in chosen], "o-", label=stage)
        axes.set(xscale="log", xlabel="rows of 150 bases", ylabel="peak, MiB", ylim=(0, None))
        plain_numbers(axes)
        axes.legend(ncols=2)
        return to_svg(figure)


def plain_numbers(axes: Axes) -> None:
    """10, 100, 1,000 where an axis is logarithmic: powers would need the mathematics that names may not have."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(
                FuncFormatter(lambda value, _place: f"{value:,g}" if value < 1e6 else f"{value:g}")
            )
            axis.set_minor_formatter(NullFormatter())


def to_svg(figure: Figure) -> str:
    """Without a date or a version, and without blanks at the ends of lines."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
