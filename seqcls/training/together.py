"""Training with `train.processes`: started from here, or one of the processes that a launcher started.

In: what `train` gets. Out: its result. Promise: started from here, this process only listens, and hands on progress,
warnings and errors; what is trained, and how, is in train.py. Under a launcher (torchrun, on one machine or several)
every process runs the whole command over one shared store; the first writes the artefact, whose name is its digest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed

from seqcls.config.loading import parse_pipeline
from seqcls.config.pipeline import Pipeline
from seqcls.distributed.process_group import Team
from seqcls.distributed.ranks import launched_place
from seqcls.errors import WorldFailed, first_line
from seqcls.listener import SILENT, Listener, Progress
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.memory import enough_memory
from seqcls.training.alone import TrainResult, train_here
from seqcls.training.members import Tell
from seqcls.training.processes import work_together

MEMBER = "seqcls.training.together:train_member"


def train_together(
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    listener: Listener,
    attached: Mapping[str, object],
) -> TrainResult:
    """Join the processes of a launcher, or start our own."""
    place = launched_place()
    if place is None:
        return _train_in_processes(encoded, pipeline, store, listener, attached)
    from seqcls.training.joining import joined

    if place.rank > 0:
        listener = SILENT
    try:
        with joined(place, None) as team:
            return train_here(encoded, pipeline, store, listener, attached, team)
    except RuntimeError as error:
        if not is_of_the_connection(error):
            raise
        raise WorldFailed(
            f"process {place.rank + 1} of {place.size} lost the others, or never found them ({first_line(error)})",
            where=f"{os.environ['MASTER_ADDR']}:{os.environ.get('MASTER_PORT', '')}",
            expected="all processes of the launcher until the end of the training",
            next_step="see what the others said, then launch the same command again: it goes on where it stood",
        ) from error


def is_of_the_connection(error: RuntimeError) -> bool:
    """Whether processes could not speak to each other: PyTorch has a class for it, gloo has only words."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def _train_in_processes(
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    listener: Listener,
    attached: Mapping[str, object],
) -> TrainResult:
    root = os.path.abspath(store.root)
    arguments = {
        "encoded": encoded.model_copy(update={"path": os.path.abspath(encoded.path)}).model_dump(),
        "pipeline": pipeline.model_dump(mode="json", exclude_unset=True),
        "root": root,
        "attached": dict(attached),
    }

    def receive(subject: str, what: Any) -> None:
        if subject == "progress":
            listener.progress(Progress(**what))
        if subject == "note":
            listener.note(what)

    found = work_together(pipeline.train.processes, MEMBER, arguments, receive)
    return TrainResult(**{**found, "ref": store.ref("model", found["ref"]["digest"])})


class ToParent(Listener):
    """Of one of the processes: the parent shows what it hears."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def note(self, line: str) -> None:
        self.tell("note", line)

    def progress(self, at: Progress) -> None:
        self.tell("progress", asdict(at))


def train_member(
    team: Team,
    tell: Tell,
    encoded: Mapping[str, str],
    pipeline: dict[str, object],
    root: str,
    attached: Mapping[str, object],
) -> dict[str, Any]:
    """What each process does."""
    parsed = parse_pipeline(pipeline, "train.processes")

    listener = ToParent(tell) if team.is_first else SILENT
    with enough_memory("stage train", "lower train.batch_size, encode.max_length or train.processes"):
        result = train_here(Ref(**encoded), parsed, ArtefactStore(Path(root)), listener, attached, team)
    return {**asdict(result), "ref": result.ref.model_dump()}
