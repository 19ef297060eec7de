"""`seqcls scores`: what was scored, by which version, and which scores count."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from seqcls.workspace import open_workspace

if TYPE_CHECKING:
    from seqcls.scoring.current import Scoring


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    scores = commands.add_parser("scores", help="what was scored, by which version, and which scores count")
    scores.add_argument("config", type=Path)
    scores.add_argument("--current", action="store_true", help="only the scores that count")
    scores.add_argument(
        "--write", type=Path, metavar="FILE", help="write the rows that count into one .parquet or .csv"
    )
    scores.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    scores.set_defaults(run=_scores)


def _scores(options: argparse.Namespace) -> None:
    from seqcls.scoring.current import list_scorings

    with open_workspace(options.config) as workspace:
        if options.write:
            from seqcls.scoring.export import write_current_scores

            rows = write_current_scores(workspace, options.write)
            print(json.dumps({"rows": rows, "file": str(options.write)}) if options.json
                  else f"{rows} rows, each by its newest scores: {options.write}")  # fmt: skip
            return
        found = [item for item in list_scorings(workspace) if item.current or not options.current]
        name = workspace.pipeline.name
    if options.json:
        print(json.dumps([_record(item) for item in found]))
    elif found:
        Console(width=None if sys.stdout.isatty() else 160).print(_table(name, found))
    else:
        print(f"{name}: nothing scored yet. Next: `seqcls score {options.config}`")


def _record(item: Scoring) -> dict[str, object]:
    books = {part: getattr(item, part) for part in ("rows_in", "scored", "rejected", "abstained")}
    files = [chunk.published_as for chunk in item.chunks]
    return {"file": item.name, "input": item.input_digest, "day": item.day, "models": list(item.models), **books,
            "state": item.state, "scores": files}  # fmt: skip


def _table(name: str, found: list[Scoring]) -> Table:
    table = Table(title=f"{name}: scored files")
    for column in ("day", "file", "content", "model", "rows", "scored", "rejected", "abstained", "scored at", ""):
        table.add_column(column, justify="right" if column in ("rows", "scored", "rejected", "abstained") else "left")
    for item in found:
        when = datetime.fromtimestamp(item.scored_at, UTC).strftime("%Y-%m-%d %H:%M")
        models = ", ".join(f"v{number}" for number in item.models)
        books = [str(getattr(item, part)) for part in ("rows_in", "scored", "rejected", "abstained")]
        table.add_row(item.day, item.name, item.input_digest[:12], models, *books, when, item.state)
    return table
