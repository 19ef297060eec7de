"""The table of docs/evidence/benchmarks.md that is made from benchmarks/results/busy.json."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.measured import Row
from benchmarks.page import table


def read_busy(results: Path) -> list[Row]:
    """Each row with what it was measured on; none if there is no file."""
    path = results / "busy.json"
    if not path.is_file():
        return []
    found = json.loads(path.read_text("utf-8"))
    return [{**row, **found["about"]} for row in found["rows"]]


def busy_table(rows: list[Row]) -> str:
    """Rows a second, then two trainings at once."""
    rates = [row for row in rows if row["what"] == "rows/s"]
    lines = [
        (
            row["busy"] or "none: quiet", row["who"],
            *(text for name in ("train", "score") for text in (_spread(row, name), row[f"{name}_ratio"])), row["pairs"],
        )
        for row in rates
    ]  # fmt: skip
    head = ("busy processes beside", "who", "training rows/s (lowest to highest)", "× spinning",
            "scoring rows/s (lowest to highest)", "× spinning", "pairs")  # fmt: skip
    both = [
        (row["who"], row["alone_s"], row["together_s"], row["ratio"], "holds" if _holds(row) else "**missed**")
        for row in rows
        if row["what"] == "two at once"
    ]
    at_once = ("two trainings", "s in turn", "s at once", "at once by in turn", "at most 1.15")
    return "\n\n".join([table(head, lines, left=2), table(at_once, both)])


def _spread(row: Row, name: str) -> str:
    middle, low, high = (int(str(row[key])) for key in (name, f"{name}_lowest", f"{name}_highest"))
    return f"{middle:,} ({low:,} to {high:,})"


def _holds(row: Row) -> bool:
    return float(str(row["ratio"])) <= float(str(row["most"]))
