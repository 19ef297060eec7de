"""Rows of the results file -> the two tables of results.md, between their markers. Nothing else is touched."""

from __future__ import annotations

import tomllib
from itertools import groupby
from statistics import fmean, stdev

from benchmarks.runs import CONFIGS, ROOT

PAGE = ROOT / "docs" / "evidence" / "results.md"
TUNED_HEAD = """\
| config | kind | family | test rows | accuracy (95 % interval) | balanced accuracy | macro F1 | MCC | linear \
| trivial | parameters | train s | rows/s | seeds |
|---|---|---|---:|---|---|---|---|---:|---:|---:|---:|---:|---:|"""
SWEEP_HEAD = """\
| kind | data set | family | accuracy | balanced accuracy | macro F1 | linear | trivial | parameters | train s | seeds |
|---|---|---|---|---|---|---:|---:|---:|---:|---:|"""


def write_tables(rows: list[dict[str, object]]) -> None:
    """Both tables."""
    text = PAGE.read_text("utf-8")
    text = replace_between(text, "tuned", table(TUNED_HEAD, rows, tuned_line, sweep=False))
    text = replace_between(text, "sweep", table(SWEEP_HEAD, rows, sweep_line, sweep=True))
    PAGE.write_text(text, "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def replace_between(text: str, name: str, content: str) -> str:
    """The text between `<!-- NAME begins -->` and `<!-- NAME ends -->` replaced."""
    begin, end = f"<!-- {name} begins -->\n", f"<!-- {name} ends -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"docs/evidence/results.md has no place for the table {name!r}: {begin.strip()} ... {end}")
    return f"{before}{begin}{content}\n{end}{after}"


def table(head: str, rows: list[dict[str, object]], line: object, *, sweep: bool) -> str:
    """One line a name: its seeds are joined."""
    assert callable(line)
    chosen = sorted(
        (row for row in rows if str(row["name"]).startswith("sweep-") == sweep),
        key=lambda row: (str(row["kind"]), str(row["name"])),
    )
    groups = [list(group) for _, group in groupby(chosen, key=lambda row: row["name"])]
    return "\n".join([head, *(line(group) for group in groups)])


def tuned_line(runs: list[dict[str, object]]) -> str:
    first = runs[0]
    accuracy = spread(runs, "accuracy")
    interval = f"{number(first, 'accuracy_low'):.3f} to {number(first, 'accuracy_high'):.3f}"
    return _cells(
        f"[{first['name']}](../../configs/real/{first['name']}.toml)",
        first["kind"],
        family(first),
        f"{number(first, 'test_rows'):.0f}",
        f"{accuracy} ({interval})",
        *(spread(runs, name) for name in ("balanced_accuracy", "macro_f1", "mcc")),
        maybe(first, "linear_accuracy"),
        maybe(first, "trivial_accuracy"),
        f"{number(first, 'parameters'):,.0f}",
        f"{mean(runs, 'train_seconds'):.0f}",
        f"{mean(runs, 'rows_per_second'):,.0f}",
        len(runs),
    )


def sweep_line(runs: list[dict[str, object]]) -> str:
    first = runs[0]
    return _cells(
        first["kind"],
        first["config"],
        first["family"],
        *(spread(runs, name) for name in ("accuracy", "balanced_accuracy", "macro_f1")),
        maybe(first, "linear_accuracy"),
        maybe(first, "trivial_accuracy"),
        f"{number(first, 'parameters'):,.0f}",
        f"{mean(runs, 'train_seconds'):.0f}",
        len(runs),
    )


def family(row: dict[str, object]) -> str:
    """The family, with the cell of a hybrid."""
    model = tomllib.loads((CONFIGS / f"{row['config']}.toml").read_text("utf-8"))["model"]
    return f"hybrid ({model.get('cell', 'gru')})" if row["family"] == "hybrid" else str(row["family"])


def spread(runs: list[dict[str, object]], name: str) -> str:
    """Mean ± sample deviation over the seeds; the bare figure of one seed."""
    values = [number(run, name) for run in runs]
    return f"{values[0]:.3f}" if len(values) == 1 else f"{fmean(values):.3f} ± {stdev(values):.3f}"


def mean(runs: list[dict[str, object]], name: str) -> float:
    return fmean(number(run, name) for run in runs)


def number(row: dict[str, object], name: str) -> float:
    return float(str(row[name]))


def maybe(row: dict[str, object], name: str) -> str:
    """A figure that may be missing: the linear baseline is left out on the largest sets."""
    return f"{number(row, name):.3f}" if str(row[name]) else "–"


def _cells(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
