"""`seqcls labels`: how right the scores were, now that classes have become known."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seqcls.cli.show import say, show_table
from seqcls.workspace import open_workspace

if TYPE_CHECKING:
    from seqcls.scoring.late_labels import Figures, LateLabels

NUMBERS = ("scored", "abstained", "labelled", "accuracy", "95 % interval", "estimate")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    labels = commands.add_parser("labels", help="compare scores with the classes that have become known since")
    labels.add_argument("config", type=Path)
    labels.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    labels.set_defaults(run=_labels)


def _labels(options: argparse.Namespace) -> None:
    from seqcls.scoring.late_labels import compare_late_labels

    with open_workspace(options.config) as workspace:
        found, name = compare_late_labels(workspace), workspace.pipeline.name
    if options.json:
        print(json.dumps(_record(found)))
        return
    rows = [(f"v{version}", day, *_shown(figures)) for (version, day), figures in found.days.items()]
    versions = sorted({version for version, _ in found.days})
    rows += [(f"v{version}", "all days", *_shown(found.of_version(version))) for version in versions]
    show_table(f"{name}: scores beside the classes known since", ("model", "day", *NUMBERS), rows, NUMBERS)
    say("\n".join(_words(found)))


def _shown(figures: Figures) -> tuple[object, ...]:
    low, high = figures.interval
    accuracy = "" if figures.accuracy is None else f"{figures.accuracy:.3f}"
    interval = f"{low:.3f} to {high:.3f}" if figures.labelled else ""
    estimate = "" if figures.estimate is None else f"{figures.estimate:.3f}"
    return figures.scored, figures.abstained, figures.labelled, accuracy, interval, estimate


def _words(found: LateLabels) -> Iterator[str]:
    counts = found.counts
    corrected = f" ({found.corrected} of them another class)" if counts.replaced else ""
    yield (
        f"{counts.rows_in} labels in = {counts.joined} joined + {counts.unknown_id} of ids that no current score has + "
        f"{counts.replaced} replaced by later ones{corrected} + {counts.unreadable} unreadable"
    )
    yield "estimate: the mean confidence of the scored rows, the accuracy that the model expects without any label"
    for version in found.fallen:
        figures, test = found.of_version(version), found.tests[version]
        yield (
            f"warning: v{version} was right in {figures.accuracy:.3f} of {figures.labelled} rows; on its test split "
            f"the accuracy was {test[0]:.3f} to {test[1]:.3f}. Next: train again with the new classes"
        )


def _record(found: LateLabels) -> dict[str, object]:
    return {
        "labels": asdict(found.counts), "corrected": found.corrected, "fallen": found.fallen,
        "days": [
            {"model": version, "day": day, **asdict(figures), "accuracy": figures.accuracy,
             "interval": figures.interval, "estimate": figures.estimate}
            for (version, day), figures in found.days.items()
        ],
    }  # fmt: skip
