"""Several processes of this machine do one work as a team; here they are started, listened to and ended.

In: the name of a function and JSON arguments for it. Out: what rank 0 returned. Promise: whatever happens (an error in
one, a process that is killed, an interrupt here), no process is left when the call ends, and the error is that of the
process where it began. Processes are forked from a clean server (multiprocessing's forkserver) that has imported
PyTorch once: not from this process, whose threads and locks a fork would copy in mid-air.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from seqcls.distributed.ranks import Place
from seqcls.errors import WorldFailed
from seqcls.training.carried import is_explained, pack_error, unpack_error
from seqcls.training.members import be_member

# What each process needs and what no setting of the environment changes; the rest each imports for itself.
PRELOADED = ["torch._dynamo", "lightning_fabric", "pyarrow.parquet", "scipy.optimize", "safetensors.torch",
             "seqcls.config.pipeline"]  # fmt: skip
GRACE_SECONDS = 2.0  # for a better reason than a broken connection
LOOK_SECONDS = 0.5  # between looks at the rest of the world: a cancelled Prefect task is told so between two calls
Hear = Callable[[str, Any], None]


@dataclass
class Member:
    rank: int
    process: BaseProcess
    connection: Connection
    result: Any = None
    is_done: bool = False


def work_together(size: int, work: str, arguments: Mapping[str, Any], hear: Hear) -> Any:
    """`work` ("module:function") in so many processes; `hear` gets what they tell."""
    with tempfile.TemporaryDirectory(prefix="seqcls-team-") as folder, contextlib.ExitStack() as stack:
        members = [
            stack.enter_context(started(Place(rank, size, rank, size), Path(folder) / "meeting", work, arguments))
            for rank in range(size)
        ]
        return attend(members, hear)


@contextlib.contextmanager
def started(place: Place, meeting: Path, work: str, arguments: Mapping[str, Any]) -> Iterator[Member]:
    """A process, ended with the block."""
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver") if can_fork else multiprocessing.get_context("spawn")
    context.set_forkserver_preload(PRELOADED)
    here, there = context.Pipe()
    texts = json.dumps(dict(os.environ)), json.dumps(asdict(place)), str(meeting), work, json.dumps(arguments)
    process = context.Process(target=be_member, args=(*texts, there), name=f"process {place.rank + 1}", daemon=True)
    process.start()
    there.close()
    try:
        yield Member(place.rank, process, here)
    finally:
        process.kill()  # what it writes is complete or absent, as after any kill
        process.join()
        process.close()
        here.close()


def attend(members: list[Member], hear: Hear) -> Any:
    """Listen until all are done; the first explained failure ends it, an unexplained one after a moment's grace."""
    puzzle: tuple[float, dict[str, Any], Member] | None = None
    while not all(member.is_done for member in members):
        wait([member.connection for member in members if not member.is_done], LOOK_SECONDS)
        for member in members:
            failure = listen(member, hear)
            if failure is not None and is_explained(failure):
                raise unpack_error(failure, name_of(member, members))
            if failure is not None and puzzle is None:
                puzzle = time.monotonic(), failure, member
        if puzzle is not None and time.monotonic() - puzzle[0] > GRACE_SECONDS:
            raise unpack_error(puzzle[1], name_of(puzzle[2], members))
    return members[0].result


def listen(member: Member, hear: Hear) -> dict[str, Any] | None:
    """All that a process has said; a failure is returned."""
    while not member.is_done and member.connection.poll():
        try:
            subject, what = json.loads(member.connection.recv_bytes())
        except (EOFError, ConnectionResetError):
            return pack_error(ended(member))
        if subject == "error":
            return dict(what)
        if subject == "result":
            member.result, member.is_done = what, True
        elif subject == "log":
            logging.getLogger(what[0]).log(what[1], "%s", what[2])
        else:
            hear(subject, what)
    return None


def ended(member: Member) -> WorldFailed:
    """A process that said nothing any more."""
    member.process.join()
    code = member.process.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return WorldFailed(
        f"process {member.rank + 1} of the training {how}",
        where="train.processes",
        expected="all processes until the end",
        next_step="give the run more memory if the kernel ended it, then run the same command again: it goes on where "
        "it stood",
    )


def name_of(member: Member, members: list[Member]) -> str:
    return f"process {member.rank + 1} of {len(members)}"
