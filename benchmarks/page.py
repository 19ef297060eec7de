"""The tables of benchmarks.md: rows of the CSV files -> Markdown, with machine, versions and dates below each.

A file that is missing gives "not run yet" and the command that makes it; nothing is filled in.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence

from benchmarks.measured import Row, number

VERSIONS = (
    "python", "seqcls", "torch", "numpy", "pyarrow", "pandas", "great_expectations", "scipy", "aeon", "numba",
    "scikit-learn", "fasttext",
)  # fmt: skip
NONE = "–"


def not_run(command: str) -> str:
    return f"Not run yet: `{command}`."


def table(head: Sequence[str], lines: Iterable[Sequence[object]], left: int = 1) -> str:
    """The first columns to the left, the others to the right."""
    rule = "|" + "---|" * left + "---:|" * (len(head) - left)
    cells = [[NONE if cell in ("", None) else str(cell) for cell in line] for line in lines]
    return "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(line) + " |" for line in cells)])


def about(rows: list[Row], command: str) -> str:
    """With what, on what and when: all values that differ between rows are named."""

    def values(name: str) -> list[str]:
        return sorted({str(row[name]) for row in rows if str(row.get(name, ""))})

    facts = [f"`{command}`", *("; ".join(values("machine")) for _ in [0] if values("machine"))]
    for name, word in (("threads", "threads"), ("commit", "commit"), ("date", "")):
        if values(name):
            facts.append(f"{word} {', '.join(values(name))}".strip())
    loads = [load for row in rows if (load := number(row, "load")) is not None]
    if loads:
        facts.append(f"load {min(loads):g} to {max(loads):g}")
    facts.append(", ".join(f"{name} {'/'.join(values(name))}" for name in VERSIONS if values(name)))
    return "; ".join(facts) + "."


def spread(rows: list[Row], name: str, digits: int = 3) -> str:
    """Mean ± sample deviation; the bare figure of one run, nothing of none."""
    found = [value for row in rows if (value := number(row, name)) is not None]
    if not found:
        return ""
    mean = f"{statistics.fmean(found):.{digits}f}"
    return mean if len(found) == 1 else f"{mean} ± {statistics.stdev(found):.{digits}f}"


def speed_table(rows: list[Row]) -> str:
    """speed.csv."""
    head = ("network", "", "seqcls rows/s", "plain torch", "Keras", "× the better peer", "lowest to highest", "pairs",
            "engine")  # fmt: skip
    return table(head, [
        (row["case"], row["what"], *(_thousands(number(row, f"{who}_rows_s")) for who in ("seqcls", "torch", "keras")),
         row["ratio"], f"{row['lowest']} to {row['highest']}", row["pairs"], row.get("engine", ""))
        for row in rows
    ])  # fmt: skip


def losses_table(rows: list[Row]) -> str:
    """loss_curves.csv: two lines a network and a library, mean and spread over the seeds for each epoch."""
    curves: dict[tuple[str, str, str], list[list[float]]] = {}
    for row in rows:
        for what, column in (("learnt", "losses"), ("held out", "held_losses")):
            curves.setdefault((str(row["case"]), what, str(row["who"])), []).append(json.loads(str(row[column])))
    epochs = max(len(curve) for runs in curves.values() for curve in runs)
    head = ("network", "rows", "", *(f"epoch {number}" for number in range(1, epochs + 1)), "seeds")
    lines = []
    for (case, what, who), runs in sorted(
        curves.items(), key=lambda item: (item[0][0], item[0][1] != "learnt", item[0])
    ):
        cells = [spread([{"loss": curve[epoch]} for curve in runs], "loss") for epoch in range(epochs)]
        lines.append((case, what, who, *cells, len(runs)))
    return table(head, lines, left=3)


def accuracy_table(points: list[Row]) -> str:
    """A line a set and a method: accuracy and seconds, over the seeds; of auto all seeds, whatever they chose."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in points:
        kind = "" if row["who"] == "auto" else str(row.get("chosen", ""))
        groups.setdefault((str(row["set"]), str(row["who"]), kind), []).append(row)
    lines = []
    for (name, who, _), runs in sorted(groups.items()):
        chose = ", ".join(sorted({str(run["chosen"]) for run in runs if run.get("chosen")}))
        lines.append((name, who + (f": {chose}" if chose else ""), spread(runs, "accuracy"),
                      spread(runs, "seconds", 1), len(runs)))  # fmt: skip
    return table(("set", "method", "test accuracy", "seconds", "runs"), lines, left=2)


def series_table(rows: list[Row]) -> str:
    """convolution_features.csv: means over sets and seeds for each kind of features."""
    lines = []
    for features in sorted({str(row["features"]) for row in rows}):
        runs = [row for row in rows if row["features"] == features]
        clock, cpu = (_total(runs, name) / _total(runs, f"aeon_{name}") for name in ("seconds", "cpu_seconds"))
        lines.append((features, len(runs), f"{_mean(runs, 'accuracy'):.4f}", f"{_mean(runs, 'aeon_accuracy'):.4f}",
                      f"{clock:.2f}", f"{cpu:.2f}"))  # fmt: skip
    return table(("features", "runs", "accuracy", "aeon", "seconds by aeon's", "processor seconds by aeon's"), lines)


def text_table(rows: list[Row]) -> str:
    """fast_text.csv."""
    pair = ("test accuracy", "validation", "train s", "score rows/s")
    head = ("set", *(name for mine in pair for name in (mine, "fastText")), "pairs")
    return table(head, [
        (row["set"], row["seqcls_accuracy"], row["fasttext_accuracy"], row.get("seqcls_valid"),
         row.get("fasttext_valid"), row["seqcls_train_seconds"],
         row["fasttext_train_seconds"], _thousands(number(row, "seqcls_score_rows_s")),
         _thousands(number(row, "fasttext_score_rows_s")), row["pairs"])
        for row in rows
    ])  # fmt: skip


def targets_table(rows: list[Row]) -> str:
    """road_targets.csv."""
    verdict = {"1": "holds", "0": "**missed**"}
    return table(
        ("from files to scores", "measured", "lowest to highest lap", "wanted", ""),
        [
            (
                row["target"],
                row["measured"],
                f"{row['lowest']} to {row['highest']}" if row.get("lowest") else "",
                row["wanted"],
                verdict[str(row["holds"])],
            )
            for row in rows
        ],
    )


def steps_table(rows: list[Row]) -> str:
    """road_speed.csv."""
    return table(
        ("step", "rows", "bases", "seconds", "rows/s", "peak MiB"),
        [
            (row["step"], _thousands(number(row, "rows")), row["bases"], row["seconds"],
             _thousands(number(row, "rows_s")), row["peak_mib"])
            for row in rows
        ],
    )  # fmt: skip


def scaling_table(rows: list[Row]) -> str:
    """scaling.csv."""
    head = ("grows", "rows", "length", "classes", "training rows/s", "scoring rows/s", "peak MiB")
    return table(head, [
        (row["axis"], *(_thousands(number(row, name)) for name in ("rows", "length", "classes")),
         *(_thousands(number(row, name)) for name in ("train_rows_s", "score_rows_s")), row["peak_mib"])
        for row in rows
    ])  # fmt: skip


def ahead_table(rows: list[Row]) -> str:
    """encoding_ahead.csv."""
    head = ("rows of", "unit", "engine", "threads", "encoding, of processor time", "s in turn", "s ahead",
            "in turn by ahead", "lowest to highest", "pairs")  # fmt: skip
    return table(head, [
        (row["kind"], row["unit"], row["engine"], row["threads"], f"{number(row, 'encoding_share'):.1%}",
         row["in_turn_s"], row["ahead_s"], row["ratio"], f"{row['lowest']} to {row['highest']}", row["pairs"])
        for row in rows
    ], left=3)  # fmt: skip


def limits_table(rows: list[Row]) -> str:
    """limits.csv: the limits, then what is reached of them."""
    return table(("", "case", "measured", "share of the limit", "limited by"), [
        (row["limit"] if row["what"] == "limit" else row["what"], row["case"], f"{row['value']} {row['unit']}",
         "" if number(row, "share") is None else f"{number(row, 'share'):.1%}", row["bound"])
        for row in sorted(rows, key=lambda row: row["what"] != "limit")
    ])  # fmt: skip


def _thousands(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _total(rows: list[Row], name: str) -> float:
    return sum(number(row, name) or 0.0 for row in rows)


def _mean(rows: list[Row], name: str) -> float:
    return _total(rows, name) / len(rows)
