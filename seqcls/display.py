"""What is shown while work goes on never ends the work.

In: a call that shows something, or a block that makes and shows it. Out: the same, but where it fails one line says so
and the run goes on. Promise: what is done is committed and published whatever a terminal, a server or our own code of
the display does; being told to stop still stops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ParamSpec, overload

from seqcls.errors import first_line, printable

P = ParamSpec("P")


def warn(line: str) -> None:
    """On standard error; where that is closed or full, nobody can be told."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(f"seqcls: {printable(line)}", file=sys.stderr)


@contextmanager
def only_shown(
    what: str, tell: Callable[[str], object] = warn, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """A block that makes and shows `what`, and does nothing else; the errors `but` are raised as ever."""
    try:
        yield
    except TimeoutError:  # by which Prefect tells a task to stop
        raise
    except but:
        raise
    except Exception as error:
        tell(f"{what} could not be shown ({type(error).__name__}: {first_line(error)}); the run goes on")


@overload
def harmless(call: None, what: str) -> None: ...


@overload
def harmless(call: Callable[P, object], what: str) -> Callable[P, None]: ...


def harmless(call: Callable[P, object] | None, what: str) -> Callable[P, None] | None:
    """The same call, many times, with one line about all of its failures; None stays None."""
    if call is None:
        return None
    told: list[str] = []

    def tell_once(line: str) -> None:
        if not told:
            told.append(line)
            warn(line)

    def shown(*args: P.args, **kwargs: P.kwargs) -> None:
        with only_shown(what, tell_once):
            call(*args, **kwargs)

    return shown
