"""What a run shows to people while it works; showing it never ends the work.

In: stages that ended, notes, progress. Out: lines, bars or artifacts, by a `Listener` for the place where people look.
Promise: what is done is committed and published, whatever a terminal, a server or a bug of a listener does: a failure
to show something is one line on standard error. A request to stop still stops the run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from seqcls.errors import first_line, printable


@dataclass(frozen=True)
class Progress:
    """How far a stage has come."""

    stage: str
    done: float
    """Of `total`, in the stage's own unit: epochs, rows, artefacts."""
    total: float
    detail: str = ""
    """For people, in a few words: "epoch 3/20, loss 0.4321, 1200 rows/s"."""
    trial: str = ""
    """Of a search: the candidate that is being tried."""

    @property
    def line(self) -> str:
        """The trial and the detail."""
        return f"{self.trial}: {self.detail}" if self.trial else self.detail


class Listener:
    """Hears what a run does. Each method does nothing here; a subclass overrides those that it shows."""

    def stage(self, name: str, outcome: str) -> None:
        """A stage ended, with "unchanged", "12.3 s" or "900 rows in 4.1 s"."""

    def note(self, line: str) -> None:
        """Something within a stage deserves a line: a trial of a search, the engine that scores."""

    def progress(self, at: Progress) -> None:
        """The work has come further; called a few times a second at most."""


SILENT = Listener()


class Guarded(Listener):
    """Passes everything on to another listener; one line reports all of its failures, and none ends the run."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._reported = False

    def stage(self, name: str, outcome: str) -> None:
        with only_shown("the progress", self._report):
            self._listener.stage(name, outcome)

    def note(self, line: str) -> None:
        with only_shown("the progress", self._report):
            self._listener.note(line)

    def progress(self, at: Progress) -> None:
        with only_shown("the progress", self._report):
            self._listener.progress(at)

    def _report(self, line: str) -> None:
        if not self._reported:
            self._reported = True
            warn(line)


def warn(line: str) -> None:
    """Print on standard error; where that is closed or full, nothing can be shown."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(f"seqcls: {printable(line)}", file=sys.stderr)


@contextmanager
def only_shown(
    what: str, report: Callable[[str], object] = warn, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Run a block that makes and shows `what`, and does nothing else: its failure is one line, except errors of `but`.

    A TimeoutError passes: with it Prefect tells a task to stop.
    """
    through: tuple[type[Exception], ...] = (TimeoutError, *but)
    try:
        yield
    except through:
        raise
    except Exception as error:
        report(f"{what} could not be shown ({type(error).__name__}: {first_line(error)}); the run goes on")
