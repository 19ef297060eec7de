"""Errors that cross from one process to another: JSON there and back, so that a person reads the same message.

In: an exception. Out: a small dict, and from it the exception again. Promise: our own errors arrive as they were
raised, an error of the operating system as one; anything else is a bug and arrives as `CheckBroken` with its traceback
in the notes (`--debug` shows them). Nothing is unpickled.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

from seqcls.errors import CheckBroken, SeqclsError

FIELDS = ("found", "where", "expected", "next_step")


def pack_error(error: BaseException) -> dict[str, Any]:
    """What is needed to raise it elsewhere."""
    if isinstance(error, SeqclsError):
        return {"ours": type(error).__name__, **{name: getattr(error, name) for name in FIELDS}}
    if isinstance(error, OSError) and error.errno is not None:
        return {"errno": error.errno, "strerror": error.strerror, "filename": error.filename and str(error.filename)}
    lines = str(error).strip().splitlines()
    return {
        "type": type(error).__name__,
        "text": lines[0] if lines else "",
        "traceback": "".join(traceback.format_exception(error)),
    }


def is_explained(packed: dict[str, Any]) -> bool:
    """Whether the error says what went wrong; a broken connection does not, when another process has just failed."""
    return "type" not in packed


def unpack_error(packed: dict[str, Any], who: str) -> Exception:
    """The error again; `who` names the process where it happened."""
    if "ours" in packed:
        kind = {found.__name__: found for found in _kinds(SeqclsError)}[packed["ours"]]
        return kind(packed["found"], **{name: packed[name] for name in FIELDS[1:]})
    if "errno" in packed:
        return OSError(packed["errno"], packed["strerror"], packed["filename"])
    error = CheckBroken(
        f"{packed['type']}: {packed['text']}",
        where=who,
        expected="no error but our own",
        next_step="report it with what `seqcls --debug` shows; train.processes = 1 trains in one process",
    )
    error.add_note(packed["traceback"])
    return error


def _kinds(kind: type[SeqclsError]) -> Iterator[type[SeqclsError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
