"""Every error that seqcls raises on purpose.

    SeqclsError
    |-- ConfigRefused    the TOML file or an argument is wrong        never retried   exit code 2
    |-- DataRefused      bad input, or the promotion gate says no     never retried   exit code 3
    |   |-- BudgetExceeded   more rows rejected than the config allows
    |   |-- FilesRefused     some files could not be scored
    |   `-- GateRefused      the model may not be promoted
    |-- CheckBroken      an internal check failed: a bug              never retried   exit code 4
    `-- WorldFailed      disk, database, network                      retried         exit code 5
        |-- InputFailed      one input file cannot be read; other new files are still scored
        |-- NotEnough        memory or space; for one new file, if others fit
        `-- Corrupted        bytes on disk differ from their digest   never retried

Each message tells four things: what was found, where, what was expected, what to do next.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence

LINE_END = "\n"
# Control characters except the line end, and characters that change direction, break lines or are invisible: in a file
# name or a cell they could colour the terminal, hide part of the message or forge a log line. Surrogates represent
# bytes that are not UTF-8, which no terminal can print.
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Text from outside, with characters that a terminal or a log would obey instead of showing written as escapes."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(value: object) -> str:
    """A value from outside (a name, an id, a class) for use within a line: its line ends are escaped as well."""
    return printable(str(value)).replace(LINE_END, "\\n")


class SeqclsError(Exception):
    """`found` says what is there; `where` is file:row:column; `expected` and `next_step` are sentences."""

    exit_code = 1
    retryable = False

    def __init__(self, found: str, *, where: str = "", expected: str = "", next_step: str = "") -> None:
        self.found, self.where, self.expected, self.next_step = found, where, expected, next_step
        super().__init__(found, where, expected, next_step)

    def __str__(self) -> str:
        where = self.where.replace(LINE_END, "\\n")  # a file name may hold one
        text = f"{where}: {self.found}" if where else self.found
        if self.expected:
            text += f"; expected {self.expected}"
        if self.next_step:
            text += f"{LINE_END if LINE_END in text else '. '}Next: {self.next_step}"
        return printable(text)


class ConfigRefused(SeqclsError):
    """The config cannot be used; the message lists all faults at once."""

    exit_code = 2


class DataRefused(SeqclsError):
    """The data cannot be used; a retry gives the same result."""

    exit_code = 3
    checked = ""
    """After a failed validation: the folder of its `checked` artefact, which holds every check and reject."""


class BudgetExceeded(DataRefused):
    """More rows were rejected than `rules.reject_budget`, or `score.reject_budget` for new files, allows."""


class FilesRefused(DataRefused):
    """Scoring could not use some files; all others are scored."""


class GateRefused(DataRefused):
    """A model did not pass the promotion gate."""


class CheckBroken(SeqclsError):
    """Our own counts do not add up, or a check did not answer: a bug, never bad data."""

    exit_code = 4


class WorldFailed(SeqclsError):
    """The machine failed: no space, no permission, a locked database. A retry may succeed."""

    exit_code = 5
    retryable = True


class InputFailed(WorldFailed):
    """One input file cannot be read. Scoring refuses it by name and continues with the others."""


class NotEnough(WorldFailed):
    """Not enough memory or disk space. Scoring blames the file if other files fit."""


class Corrupted(WorldFailed):
    """Bytes on disk are not the bytes that were written."""

    retryable = False


_REMEDIES = {
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space within the quota",
    errno.EROFS: "mount that disk for writing",
    errno.EACCES: "fix the permissions",
    errno.EPERM: "fix the permissions",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close programs that hold many files open",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: "check the disk: it reports errors (dmesg)",
    errno.ENOTDIR: "move that file away: a folder is needed there",
    errno.EEXIST: "move that file away: a folder is needed there",
    errno.EISDIR: "move that folder away: a file is needed there",
    errno.ELOOP: "remove that link",
    errno.ENOMEM: "give the run more memory",
}

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

STRIKES_ANY_FILE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})
"""Errors in reading a file that would affect every other file as well."""

OF_THE_WORLD = frozenset({errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.EINTR, errno.ESTALE})
"""Errors of the operating system that say nothing about the file they occurred with."""


def listed(names: Sequence[str], most: int = 30) -> str:
    """Quoted names, at most so many of them."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def first_line(error: BaseException, most: int = 160) -> str:
    """The first line of another library's error, shortened; its type if it has no text."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip()[:most] if lines else type(error).__name__


def remedy(error: OSError) -> str:
    """What the user can do about an error of the operating system."""
    return _REMEDIES.get(error.errno or 0, "free space or fix the permissions")
