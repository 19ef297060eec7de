"""The log of a run that fails for a known reason: one message that says what to do, and no traceback.

Prefect logs every exception with the traceback of itself, pydantic and us: eighty lines, and the message far down.
An unexpected error keeps its traceback, since somebody must find its cause.
"""

from __future__ import annotations

import logging

from seqcls.errors import SeqclsError


class MessageAlone(logging.Filter):
    """Of our own errors, what they say."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, SeqclsError):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


_ALONE = MessageAlone()


def log_messages_alone() -> None:
    """From now on, in this process."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ALONE)  # a second call changes nothing
