"""docs/evidence/benchmarks.md and its figures, from the files of measurements.

`python -m benchmarks.figures [--results FOLDER] [--page FILE] [--images FOLDER]` writes each section of the page
between its markers and draws docs/images/benchmark-*.svg. A section whose file is missing says so, with the command
that makes it, and its figure is removed. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import drawn, page
from benchmarks.aims import aims_table
from benchmarks.busy_table import busy_table, read_busy
from benchmarks.measured import RESULTS, Row, read_rows

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "evidence" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"


@dataclass(frozen=True)
class Section:
    """A part of the page: its rows, its table, maybe its figure, and the command that measures."""

    name: str
    command: str
    read: Callable[[Path], list[Row]]
    table: Callable[[list[Row]], str]
    draw: Callable[[list[Row]], str] | None = None
    alt: str = ""


def file(name: str) -> Callable[[Path], list[Row]]:
    """All rows of a file; none if it is missing."""
    return lambda results: read_rows(results / name)


def accuracy_points(results: Path) -> list[Row]:
    """Every run of which both test accuracy and seconds of training were written down."""
    points = [_point(row, "auto", row["set"], row["accuracy"], row["train_seconds"], chosen=row["chosen"])
              for row in read_rows(results / "auto.csv")]  # fmt: skip
    for path in sorted(results.glob("results-*.csv")):
        for row in read_rows(path):
            if not str(row["name"]).startswith("sweep-"):
                name = str(row["name"]).removesuffix(f"-{row['family']}")  # two configs of one set differ in the family
                points.append(_point(row, "config", name, row["accuracy"], row["train_seconds"], chosen=row["family"]))
    for row in read_rows(results / "convolution_features.csv"):
        points.append(_point(row, "rocket", row["set"], row["accuracy"], row["seconds"], chosen=row["features"]))
        points.append(_point(row, "aeon", row["set"], row["aeon_accuracy"], row["aeon_seconds"],
                             chosen=row["features"]))  # fmt: skip
    paired = read_rows(results / "fast_text.csv")
    beside = {row["set"] for row in paired}
    for row in read_rows(results / "ngrams.csv"):
        if row["who"] == "seqcls ngrams" and row["set"] not in beside:
            points.append(_point(row, "ngrams", row["set"], row["accuracy"], row["train_seconds"]))
    for row in paired:
        points.append(_point(row, "ngrams", row["set"], row["seqcls_accuracy"], row["seqcls_train_seconds"]))
        points.append(_point(row, "fastText", row["set"], row["fasttext_accuracy"], row["fasttext_train_seconds"]))
    return points


def _point(row: Row, who: str, name: object, accuracy: object, seconds: object, chosen: object = "") -> Row:
    known = {key: row[key] for key in ("machine", "threads", "load", "date", "commit", *page.VERSIONS) if key in row}
    return {**known, "who": who, "set": name, "accuracy": accuracy, "seconds": seconds, "chosen": chosen}


def memory_points(results: Path) -> list[Row]:
    """Peaks of the stages from memory.csv, those of whole scoring runs from road_speed.csv."""
    road = [{**row, "stage": "score"} for row in read_rows(results / "road_speed.csv") if row["step"] == "road"]
    return [*read_rows(results / "memory.csv"), *road]


def memory_table(rows: list[Row]) -> str:
    """A line a stage and a number of rows."""
    lines = [(row["stage"], f"{int(str(row['rows'])):,}", row["peak_mib"], row["seconds"]) for row in rows]
    return page.table(("stage", "rows", "peak MiB", "seconds"), lines)


SECTIONS = (
    Section("accuracy", "make bench", accuracy_points, page.accuracy_table, drawn.accuracy_against_seconds,
            "Test accuracy against seconds of training, a panel for each set"),
    Section("aims", "python -m benchmarks.auto", file("auto.csv"), aims_table),
    Section("speed", "python -m benchmarks.speed --keras PYTHON", file("speed.csv"), page.speed_table,
            drawn.rows_a_second, "Rows a second of seqcls, a plain PyTorch loop and Keras"),
    Section("busy", "python -m benchmarks.busy --keras PYTHON", read_busy, busy_table),
    Section("losses", "python -m benchmarks.loss_curves --keras PYTHON", file("loss_curves.csv"), page.losses_table),
    Section("series", "python -m benchmarks.convolution_features --aeon PYTHON", file("convolution_features.csv"),
            page.series_table),
    Section("text", "python -m benchmarks.fast_text --fasttext PYTHON", file("fast_text.csv"), page.text_table),
    Section("scaling", "python -m benchmarks.scaling", file("scaling.csv"), page.scaling_table, drawn.scaling,
            "Seconds and peak memory against rows, length and classes"),
    Section("memory", "python -m benchmarks.memory", memory_points, memory_table, drawn.memory,
            "Peak memory of each stage against rows"),
    Section("road", "python -m benchmarks.road_speed", file("road_targets.csv"), page.targets_table),
    Section("steps", "python -m benchmarks.road_speed", file("road_speed.csv"), page.steps_table),
    Section("ahead", "python -m benchmarks.encoding_ahead", file("encoding_ahead.csv"), page.ahead_table),
    Section("limits", "python -m benchmarks.limits", file("limits.csv"), page.limits_table),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--images", type=Path, default=IMAGES)
    options = parser.parse_args()
    write(options.results, options.page, options.images)
    print(f"wrote {options.page}")


def write(results: Path, target: Path, images: Path) -> None:
    """Every section of the page and every figure."""
    text = target.read_text("utf-8")
    images.mkdir(parents=True, exist_ok=True)
    for section in SECTIONS:
        rows = section.read(results)
        text = fill(text, section.name, body(section, rows, target.parent, images), target)
        image = images / f"benchmark-{section.name}.svg"
        if rows and section.draw is not None:
            image.write_text(section.draw(rows), "utf-8")
        else:
            image.unlink(missing_ok=True)
    target.write_text(text, "utf-8")


def body(section: Section, rows: list[Row], folder: Path, images: Path) -> str:
    """Figure, table, and with what it was measured."""
    if not rows:
        return page.not_run(section.command)
    link = os.path.relpath(images / f"benchmark-{section.name}.svg", folder)
    parts = [f"![{section.alt}]({link})"] if section.draw is not None else []
    return "\n\n".join([*parts, section.table(rows), page.about(rows, section.command)])


def fill(text: str, name: str, content: str, target: Path) -> str:
    """The text between `<!-- NAME begins -->` and `<!-- NAME ends -->` replaced."""
    begin, end = f"<!-- {name} begins -->\n", f"<!-- {name} ends -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise SystemExit(f"{target} has no place for {name!r}: put {begin.strip()} and {end} on lines of their own")
    return f"{before}{begin}{content}\n{end}{after}"


if __name__ == "__main__":
    main()
