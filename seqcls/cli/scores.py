"""`seqcls scores`: what was scored, by which version, and which scores are current."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seqcls.cli.show import say, show_table
from seqcls.errors import Corrupted, one_line
from seqcls.workspace import Workspace, open_workspace

NUMBERS = ("rows", "scored", "rejected", "abstained")
COLUMNS = ("day", "file", "content", "model", *NUMBERS, "scored at", "")

if TYPE_CHECKING:
    from seqcls.scoring.current import Scoring


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    scores = commands.add_parser("scores", help="list what was scored, by which version, and which scores are current")
    scores.add_argument("config", type=Path)
    scores.add_argument("--current", action="store_true", help="only current scores")
    scores.add_argument(
        "--write", type=Path, metavar="FILE", help="write the current scores into one .parquet or .csv file"
    )
    scores.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    scores.set_defaults(run=_scores)


def _scores(options: argparse.Namespace) -> None:
    from seqcls.scoring.current import list_scorings

    with open_workspace(options.config) as workspace:
        if options.write:
            _write(workspace, options)
            return
        found = [item for item in list_scorings(workspace) if item.current or not options.current]
        name = workspace.pipeline.name
    if options.json:
        print(json.dumps([_record(item) for item in found]))
    elif found:
        show_table(f"{name}: scored files", COLUMNS, map(_row, found), NUMBERS)
    else:
        say(f"{name}: nothing scored yet. Next: `seqcls score {options.config}`")


def _write(workspace: Workspace, options: argparse.Namespace) -> None:
    """Write what is intact; name what is not, and fail."""
    from seqcls.scoring.export import write_current_scores
    from seqcls.scoring.stored import join_damage

    damage: list[Corrupted] = []
    rows = write_current_scores(workspace, options.write, damage)
    if rows or not damage:
        say(json.dumps({"rows": rows, "file": str(options.write)}) if options.json
            else f"{rows} rows, each by its newest scores: {one_line(options.write)}")  # fmt: skip
    if damage:
        raise join_damage(damage, "their rows are left out", str(options.config))


def _record(item: Scoring) -> dict[str, object]:
    files = [chunk.published_as for chunk in item.chunks]
    return {"file": item.name, "input": item.input_digest, "day": item.day, "models": list(item.models),
            **asdict(item.counts),            "state": item.state, "scores": files}  # fmt: skip


def _row(item: Scoring) -> tuple[object, ...]:
    when = datetime.fromtimestamp(item.scored_at, UTC).strftime("%Y-%m-%d %H:%M")
    models = ", ".join(f"v{number}" for number in item.models)
    return (item.day, item.name, item.input_digest[:12], models, *astuple(item.counts), when, item.state)
