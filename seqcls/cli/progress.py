"""Progress in a terminal: one line a stage, a bar for long work; silent when output is JSON or no terminal."""

from __future__ import annotations

import math
import os
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.status import Status
from rich.text import Text

from seqcls.display import only_shown
from seqcls.errors import printable

TRAINING = ("ingest", "validate", "split", "encode", "train", "evaluate")
SCORING = ("discover", "validate", "score", "publish")


class _StandardError(Console):
    """Rich ends the process where nobody reads its output any more (`seqcls score ... 2>&1 | head`)."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(stderr=True, highlight=False, quiet=quiet)

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class Teller:
    """Tells what is going on, on standard error: the stages that are done, and in a terminal the one that runs."""

    def __init__(self, quiet: bool, stages: tuple[str, ...]) -> None:
        self.quiet = quiet
        self._ahead = stages
        self._order = stages
        self.console = _StandardError(quiet)
        self._bar: Progress | None = None
        self._task: Any = None
        self._spinner: Status | None = None

    def stage(self, name: str, what: str) -> None:
        """A line; a name that is no stage of the road, such as a note about the engine, leaves open what comes next."""
        self._stop()
        line = Text.assemble("  ", (f"{name:<10}", "bold"), f" {printable(what)}")
        self.console.print(line, soft_wrap=True)
        if name in self._order:
            self._ahead = self._order[self._order.index(name) + 1 :]
        self._spin()

    def note(self, line: str) -> None:
        """Something within a stage that is worth a line of its own, such as a trial of a search."""
        self._stop()
        self.console.print(Text(f"  {'':<10} {printable(line)}"), soft_wrap=True)

    def epoch(self, progress: Any) -> None:
        """A training's progress: epochs, loss, rows/s; a family that is fitted in one go has no epochs to tell."""
        trial = f"{progress.trial}: " if progress.trial else ""
        best = f"best {progress.best:.4f}" if progress.best is not None else ""
        where = f"epoch {progress.epoch}/{progress.epochs} loss {progress.train_loss:.4f}"
        self._show(
            "train",
            progress.epochs,
            progress.epoch - 1 + progress.rows_done / max(progress.rows_total, 1),
            f"{trial}{'being fitted' if math.isnan(progress.train_loss) else where} {best} "
            f"{progress.rows_per_second:.0f} rows/s",
        )

    def rows(self, count: int) -> None:
        """Rows of a chunk that was committed."""
        if self._bar is None:
            self._show("score", None, 0, "")
        if self._bar is not None:
            self._bar.update(self._task, advance=count)
            done = self._bar.tasks[0].completed
            self._bar.update(self._task, text=f"{done:.0f} rows committed")

    def _show(self, name: str, total: float | None, done: float, text: str) -> None:
        if self.quiet or not self.console.is_terminal:
            return
        if self._bar is None:
            self._stop()
            columns = (
                TextColumn("  [bold]{task.description:<10}[/bold]"),
                BarColumn(),
                TextColumn("{task.fields[text]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(name, total=total, text=text)
        self._bar.update(self._task, completed=done, text=text)

    def _spin(self) -> None:
        if self._ahead and not self.quiet and self.console.is_terminal:
            self._spinner = self.console.status(f"[bold]{self._ahead[0]}[/bold] ...")
            self._spinner.start()

    def _stop(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Teller:
        with only_shown("the progress"):
            self._spin()
        return self

    def __exit__(self, *_error: object) -> None:
        with only_shown("the progress"):
            self._stop()
