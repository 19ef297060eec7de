"""Progress in a terminal: one line per stage, a bar for long work; silent for JSON output or without a terminal."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.status import Status
from rich.text import Text

from seqcls.errors import printable
from seqcls.listener import Listener, Progress, only_shown

SCORING = ("discover", "validate", "score", "publish")


class _StandardError(Console):
    """Rich would end the process if the reader of its output is gone (`seqcls score ... 2>&1 | head`)."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(stderr=True, highlight=False, quiet=quiet)

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class Notes(Listener):
    """Notes only, on standard error: for what happens before and after the work with its bar."""

    def note(self, line: str) -> None:
        print(printable(line), file=sys.stderr)


class TerminalListener(Listener):
    """On standard error: the stages that are done, and in a terminal the one that runs."""

    def __init__(self, quiet: bool, stages: tuple[str, ...] = ()) -> None:
        self.quiet = quiet
        self._ahead = stages
        self._order = stages
        self.console = _StandardError(quiet)
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._spinner: Status | None = None

    def stage(self, name: str, outcome: str) -> None:
        """One line; in a terminal, the next stage is then shown as running."""
        self._stop()
        line = Text.assemble("  ", (f"{name:<10}", "bold"), f" {printable(outcome)}")
        self.console.print(line, soft_wrap=True)
        if name in self._order:
            self._ahead = self._order[self._order.index(name) + 1 :]
        self._spin()

    def note(self, line: str) -> None:
        """A line without a name."""
        self._stop()
        self.console.print(Text(f"  {'':<10} {printable(line)}"), soft_wrap=True)

    def progress(self, at: Progress) -> None:
        """A bar with the share that is done, the remaining time, and the detail."""
        if self.quiet or not self.console.is_terminal:
            return
        if self._bar is None:
            self._stop()
            self._bar = Bar(
                TextColumn("  [bold]{task.description:<10}[/bold]"),
                BarColumn(),
                TextColumn("{task.fields[line]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(at.stage, line="")
        self._bar.update(self._task, total=at.total, completed=at.done, line=printable(at.line))

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

    def __enter__(self) -> TerminalListener:
        with only_shown("the progress"):
            self._spin()
        return self

    def __exit__(self, *_error: object) -> None:
        with only_shown("the progress"):
            self._stop()
