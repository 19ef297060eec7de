"""A process that another started to train with it: it joins the team, works, tells, and ends when its parent does.

In: what `processes.start_member` hands over, all of it text. Out: JSON messages to the parent: progress, warnings, and
at last the result or the error. Promise: it never outlives its parent by more than a moment, ignores the interrupt
that a terminal sends to all (the parent decides), and after an error waits to be ended, so that the others do not fail
of its silence first. This module is imported before the environment is the parent's: it imports nothing of seqcls.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

Tell = Callable[[str, Any], None]
ORPHANED = 1


def be_member(environment: str, place: str, meeting: str, work: str, arguments: str, parent: Connection) -> None:
    """Do `work` ("module:function", called with the team, `tell` and the arguments) as one of the team."""
    os.environ.clear()
    os.environ.update(json.loads(environment))  # a fork server keeps that of the moment it was started
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(subject: str, what: Any) -> None:
        parent.send_bytes(json.dumps([subject, what]).encode())

    try:
        result = _work(json.loads(place), Path(meeting), work, json.loads(arguments), tell)
    except BaseException as error:
        from seqcls.training.carried import pack_error

        tell("error", pack_error(error))
    else:
        tell("result", result)
    wait([parent])  # nothing is ever sent: this is the end of the parent, or of its patience


def _work(place: Mapping[str, int], meeting: Path, work: str, arguments: Mapping[str, Any], tell: Tell) -> Any:
    from seqcls.distributed.ranks import Place
    from seqcls.training.joining import joined

    module, _, name = work.partition(":")
    function = getattr(importlib.import_module(module), name)
    if place["rank"] == 0:  # the others would say the same
        logging.getLogger("seqcls").addHandler(Telling(tell))
    with joined(Place(**place), meeting) as team:
        return function(team, tell, **arguments)


class Telling(logging.Handler):
    """Warnings go to the parent, whose log people read."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.WARNING)
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self.tell("log", [record.name, record.levelno, record.getMessage()])


def _end_with_parent() -> None:
    """Wait for the parent's end, however it ends, and end at once: in the middle of a step, too."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(ORPHANED)
