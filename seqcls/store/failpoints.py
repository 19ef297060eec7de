"""Named points of the road where a test can kill, stop or fail the process. Off unless SEQCLS_FAILPOINT is set.

`SEQCLS_FAILPOINT="artefact_written=kill"`; actions: kill (SIGKILL to itself), stop (SIGSTOP), raise (OSError
ENOSPC), sleep:SECONDS. `name=kill@3` acts at the third passage.
"""

from __future__ import annotations

import errno
import os
import signal
import time

POINTS = frozenset(
    {
        "artefact_begun",
        "artefact_written",
        "artefact_published",
        "artefact_condemned",
        "shard_written",
        "stage_recorded",
        "checkpoint_tensors_written",
        "checkpoint_written",
        "epoch_ended",
        "trial_committed",
        "search_decided",
        "step_ended",
        "model_registered",
        "promotion_decided",
        "move_written",
        "alias_set",
        "rescoring_opened",
        "current_listed",
        "current_written",
        "input_seen",
        "sightings_written",
        "input_opened",
        "input_closed",
        "chunk_claimed",
        "chunk_scored",
        "chunk_committed",
        "chunks_listed",
        "scores_copied",
        "scores_published",
        "run_recorded",
        "ledger_saved",
        "ledger_rebuilt",
        "rows_released",
    }
)
_SETTING = os.environ.get("SEQCLS_FAILPOINT", "")
_passages: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Do what SEQCLS_FAILPOINT asks for at this point; in production one comparison."""
    if not _SETTING:
        return
    assert name in POINTS, name
    wanted, _, action = _SETTING.partition("=")
    if wanted != name:
        return
    action, _, count = action.partition("@")
    _passages[name] = _passages.get(name, 0) + 1
    if _passages[name] != int(count or 1):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "raise":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    elif action.startswith("sleep:"):
        time.sleep(float(action.removeprefix("sleep:")))
