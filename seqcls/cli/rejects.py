"""`seqcls rejects`: each row that was set aside, with all its reasons and the row as it was."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from seqcls.cli.show import say
from seqcls.errors import DataRefused, one_line
from seqcls.workspace import Workspace, open_workspace


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rejects = commands.add_parser(
        "rejects", help="list the rows that were set aside, with their reasons: of training, and of current scores"
    )
    rejects.add_argument("config", type=Path)
    rejects.add_argument("file", nargs="?", help="only rows of this file, by its name in the list")
    rejects.add_argument("--write", type=Path, metavar="FILE", help="write them into a file, one JSON object a line")
    rejects.set_defaults(run=_rejects)


def _rejects(options: argparse.Namespace) -> None:
    from seqcls.validation.reasons import describe, read_rejects

    count, of = 0, f" of {one_line(options.file)}" if options.file else ""
    with open_workspace(options.config) as workspace:
        rows = (row for path in _places(workspace) for row in read_rejects(path, options.file))
        if options.write:
            with open(options.write, "x", encoding="utf-8") as target:
                for count, row in enumerate(rows, 1):  # noqa: B007
                    target.write(json.dumps(row, ensure_ascii=False) + "\n")
            return say(f"{count} rejected rows{of}: {one_line(options.write)}")
        for count, row in enumerate(rows, 1):  # noqa: B007
            say(describe(row, row["reasons"]))
    say(f"{count} rejected rows{of}" if count else f"no row{of} was rejected")


def _places(workspace: Workspace) -> Iterator[Path]:
    """Of the training files, read now if they are new; then of each scored file that counts."""
    from seqcls.scoring.current import list_scorings
    from seqcls.scoring.stored import open_chunk
    from seqcls.stages import VALIDATE, run_until

    try:
        checked = run_until(workspace, VALIDATE)[-1].ref.folder
    except DataRefused as error:
        if not error.checked:  # nothing was read at all: the error says why
            raise
        checked = Path(error.checked)
    yield checked / "rejects.parquet"
    for item in list_scorings(workspace):
        if item.current:
            yield from (open_chunk(workspace, chunk).rejects for chunk in item.chunks)
