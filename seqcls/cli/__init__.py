"""The `seqcls` command: all stages in one process, without a server. Our own errors are one message, no traceback."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from seqcls.cli import deploy, inspect, labels, models, rejects, schema, scores, train_and_score
from seqcls.cli.interruption import INTERRUPTED, LAST_WORDS, Interruption
from seqcls.errors import SeqclsError, WorldFailed, printable, remedy
from seqcls.version import __version__


class Parser(argparse.ArgumentParser):
    """A parser whose errors name the nearest valid word, and where to find help."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A value, not an option: a series may begin with -0.4,1.2 (argparse recognises plain numbers only).
        self._negative_number_matcher = re.compile(r"-[\d.]")

    def error(self, message: str) -> NoReturn:
        wrong, known = re.search(r"invalid choice: '([^']*)'", message), re.search(r"choose from (.*)\)", message)
        if wrong and known:
            near = difflib.get_close_matches(wrong[1], re.findall(r"[\w-]+", known[1]), n=1, cutoff=0.5)
            message += f"; did you mean '{near[0]}'" if near else ""
        end = "?" if "did you mean" in message else "."
        super().error(f"{printable(message)}{end} Next: `{self.prog} --help`")


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="seqcls",
        description="Train sequence classifiers and score new sequences with them, every row accounted for.",
    )
    parser.add_argument("--version", action="version", version=f"seqcls {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (schema, train_and_score, scores, rejects, labels, models, inspect, deploy):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 config, 3 data or gate, 4 a bug in seqcls, 5 machine or network, 130 interrupted."""
    os.umask(0o077)  # ledgers, rejects and scores may hold health data
    options = build_parser().parse_args(arguments)
    with Interruption():
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # a character that the terminal cannot show is no reason to stop
    try:
        options.run(options)
        sys.stdout.flush()  # flush here: a full disk must show before the interpreter exits
    except SeqclsError as error:
        if options.debug:
            raise
        print(f"seqcls: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(LAST_WORDS, file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _silence()
        return 0
    except (OSError, MemoryError) as error:  # the handlers above cover everything more specific
        if options.debug:
            raise
        _silence()
        print(f"seqcls: {_from_the_world(error, options.command)}", file=sys.stderr)
        return WorldFailed.exit_code
    return 0


def _silence() -> None:
    """If standard output is closed or full, Python must not fail at exit when it flushes the rest."""
    with suppress(OSError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _from_the_world(error: OSError | MemoryError, command: str) -> WorldFailed:
    if isinstance(error, OSError):
        found, place, step = error.strerror or str(error), str(error.filename or f"seqcls {command}"), remedy(error)
    else:
        found, place, step = "not enough memory", f"seqcls {command}", "give the run more memory"
    return WorldFailed(found, where=place, next_step=f"{step}, then run the same command again")
