"""A stage: artefacts and settings in, one artefact out; skipped when its key was seen before.

Key = SHA-256 over the stage's version, the part of the config that it reads and the digests of what goes in: renaming a
file, touching it, changing an unrelated setting or installing another release of seqcls repeats nothing; changed
content always does. A stage's artefact is verified before it is used again; a damaged one is made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from seqcls.config import Pipeline, content_key
from seqcls.config.base import Section
from seqcls.ledger.stages import find_stage, record_stage
from seqcls.store.artefacts import Ref
from seqcls.store.failpoints import failpoint
from seqcls.store.memory import enough_memory
from seqcls.table import InputFile, Layout
from seqcls.workspace import Workspace

KEYS = "0.1.0"
"""Part of every key. Once it was the release of seqcls; it never changes, so that all stores keep their keys."""

Made = Mapping[str, Ref]
"""What earlier stages of a run made, by its kind."""
Input = Ref | InputFile | Layout
Settings = Callable[[Pipeline], tuple[Section | str | int, ...]]


@dataclass(frozen=True)
class Built:
    """What a stage made, and figures of the making that are no part of the artefact."""

    ref: Ref
    facts: Mapping[str, float]


@dataclass(frozen=True)
class Stage:
    """What a stage is called, what it reads and what it makes."""

    name: str
    version: int
    """Raise it when the code changes what the stage writes: earlier artefacts are then made again."""
    reads: Settings
    """All settings that decide the result."""
    inputs: Callable[[Workspace, Made], tuple[Input, ...]]
    """What it is made from: files, or artefacts of earlier stages."""
    makes: str
    """The kind of its artefact."""
    make: Callable[..., Built]
    """Called with the workspace and the inputs."""
    reads_also: Settings = lambda _pipeline: ()
    """Settings that were added later, hashed on top of the key of the others: without any, earlier keys stay."""
    finish: Callable[..., None] = lambda *_inputs: None
    """Called in the same way once the result is recorded, also where an earlier one was found."""
    smaller: str = "name fewer or smaller files"
    """What makes it need less memory."""

    def key(self, pipeline: Pipeline, inputs: tuple[Input, ...]) -> str:
        """The name of its result in the ledger."""
        key = content_key(*self.reads(pipeline), *map(_identity, inputs))
        more = self.reads_also(pipeline)
        return content_key(self.name, self.version, KEYS, content_key(key, *more) if more else key)


class StageResult(BaseModel):
    """What a stage made, whether it was there already, and how long making it took."""

    model_config = ConfigDict(frozen=True)

    stage: str
    ref: Ref
    reused: bool
    seconds: float
    facts: dict[str, float] = {}

    @property
    def outcome(self) -> str:
        """What a listener hears."""
        return "unchanged" if self.reused else f"{self.seconds:.1f} s"


def artefacts(*kinds: str) -> Callable[[Workspace, Made], tuple[Input, ...]]:
    """The inputs of a stage that is made from artefacts of these kinds."""
    return lambda _workspace, made: tuple(made[kind] for kind in kinds)


def run(workspace: Workspace, stage: Stage, made: Made) -> StageResult:
    """Run a stage on what earlier ones made, or find its result."""
    return run_on(workspace, stage, *stage.inputs(workspace, made))


def run_on(workspace: Workspace, stage: Stage, *inputs: Input) -> StageResult:
    """The whole artefact that the same stage made of the same inputs and settings; else make it and record it."""
    key = stage.key(workspace.pipeline, inputs)
    result = _find(workspace, stage, key) or _make(workspace, stage, key, inputs)
    stage.finish(workspace, *inputs)
    workspace.listener.stage(stage.name, result.outcome)
    return result


def _identity(item: Input) -> str:
    if isinstance(item, Layout):
        return repr(item)
    return item.digest if isinstance(item, Ref) else f"{item.name}|{item.digest}|{item.split}"


def _find(workspace: Workspace, stage: Stage, key: str) -> StageResult | None:
    """What the key made in an earlier run; None where there is nothing, or it is damaged."""
    found = find_stage(workspace.ledger, key)
    if found is None:
        return None
    kind, digest, facts = found
    ref = workspace.store.find_whole(kind, digest)
    if ref is None:
        return None
    return StageResult(stage=stage.name, ref=ref, reused=True, seconds=float(facts.get("seconds", 0.0)), facts=facts)


def _make(workspace: Workspace, stage: Stage, key: str, inputs: tuple[Input, ...]) -> StageResult:
    started = time.perf_counter()
    with enough_memory(f"stage {stage.name}", stage.smaller):
        built = stage.make(workspace, *inputs)
    seconds = time.perf_counter() - started
    facts = {**built.facts, "seconds": seconds}
    record_stage(workspace.ledger, key, stage.name, built.ref.kind, built.ref.digest, facts)
    failpoint("stage_recorded")
    return StageResult(stage=stage.name, ref=built.ref, reused=False, seconds=seconds, facts=facts)
