"""The stages of training, each skipped when its key was seen before.

Key = SHA-256 over the stage's version, the digests of what goes in, and the part of the config that it reads:
renaming a file, touching it or changing an unrelated setting repeats nothing; changed content always does.
A stage's artefact is verified before it is used again; a damaged one is made again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.config import Pipeline, content_key
from seqcls.config.families import package_of
from seqcls.ledger.stages import find_stage, record_stage
from seqcls.listener import SILENT
from seqcls.sources.discover import source_files
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest
from seqcls.store.failpoints import failpoint
from seqcls.store.memory import enough_memory
from seqcls.store.space import enough_space
from seqcls.table import InputFile
from seqcls.version import __version__
from seqcls.workspace import Workspace

# Raise a stage's number when its code changes what it writes: old artefacts are then made again.
VERSIONS = {"ingest": 5, "validate": 4, "split": 2, "encode": 6, "train": 7, "evaluate": 3}

# What makes a stage need less memory.
_SMALLER = {
    "encode": "lower encode.max_length or encode.vocabulary",
    "train": "lower train.batch_size or encode.max_length",
    "evaluate": "lower encode.max_length",
}


# What a stage made, and what is known of the making that is no part of the artefact.
Built = tuple[Ref, dict[str, Any]]


class StageResult(BaseModel):
    """What a stage made, whether it was there already, and how long making it took."""

    model_config = ConfigDict(frozen=True)

    stage: str
    ref: Ref
    reused: bool
    seconds: float
    facts: dict[str, Any] = {}

    @property
    def outcome(self) -> str:
        """What a listener hears."""
        return "unchanged" if self.reused else f"{self.seconds:.1f} s"


def ingest_files(workspace: Workspace, files: list[InputFile], *, labelled: bool) -> StageResult:
    """Files -> `table`."""
    pipeline = workspace.pipeline
    source = pipeline.source if labelled else pipeline.score_source

    def build() -> Built:
        from seqcls.sources.ingest import ingest

        folder = workspace.folder
        enough_space(workspace.store.root, files)
        return ingest(files, source, pipeline.kind, workspace.store, labelled=labelled, folder=folder), {}

    parts = [f"{file.name}|{file.digest}|{file.split}" for file in files]
    return run_stage(workspace, "ingest", content_key(source, pipeline.kind, str(labelled), *parts), build)


def ingest_stage(workspace: Workspace) -> StageResult:
    """All training files -> `table`; first of all, what killed runs left in the store goes."""
    workspace.store.remove_stale()
    return ingest_files(workspace, source_files(workspace.pipeline.source, workspace.folder), labelled=True)


def validate_stage(workspace: Workspace, table: Ref, *, labelled: bool = True) -> StageResult:
    """`table` -> `checked`: rows that break a rule are set aside with their reasons."""
    pipeline = workspace.pipeline
    budget = pipeline.rules.reject_budget if labelled else pipeline.score.reject_budget

    def build() -> Built:
        from seqcls.validation.validate import validate

        return validate(table, pipeline, workspace.store, labelled=labelled, budget=budget), {}

    key = content_key(pipeline.rules, pipeline.kind, str(labelled), str(budget), table.digest)
    return run_stage(workspace, "validate", key, build)


def split_stage(workspace: Workspace, checked: Ref) -> StageResult:
    """`checked` -> `splits`."""
    pipeline = workspace.pipeline

    def build() -> Built:
        from seqcls.splitting.split import split

        return split(checked, pipeline, workspace.store), {}

    return run_stage(workspace, "split", content_key(pipeline.split, pipeline.kind, checked.digest), build)


def encode_stage(workspace: Workspace, checked: Ref, splits: Ref) -> StageResult:
    """`checked` + `splits` -> `encoded`."""
    pipeline = workspace.pipeline

    def build() -> Built:
        from seqcls.encoders.encode import encode

        return encode(checked, splits, pipeline, workspace.store), {}

    key = content_key(pipeline.encode, pipeline.kind, pipeline.seed, checked.digest, splits.digest)
    return run_stage(workspace, "encode", key, build)


def train_stage(workspace: Workspace, encoded: Ref) -> StageResult:
    """`encoded` -> `model`; a training that was stopped goes on from its checkpoint."""
    pipeline = workspace.pipeline

    def build() -> Built:
        from seqcls.search.search import train_best
        from seqcls.training.train import train

        if pipeline.model.trained == "search":
            encode_for = partial(_encode_for, workspace, made_of(workspace.store, encoded, "checked"))
            result = train_best(encoded, pipeline, workspace.store, encode_for, listener=workspace.listener)
        else:
            result = train(encoded, pipeline, workspace.store, listener=workspace.listener)
        return result.ref, {"rows": result.rows, "rows_per_second": result.rows_per_second}

    key = content_key(pipeline.model, pipeline.train, pipeline.name, pipeline.seed, encoded.digest)
    if pipeline.model.trained == "search":
        key = content_key(key, pipeline.promote.compare)
    if package := str(package_of(pipeline.model.family)):
        key = content_key(key, package)  # another release of it may make another network
    result = run_stage(workspace, "train", key, build)
    _clear_checkpoints(workspace, encoded)
    return result


def _encode_for(workspace: Workspace, checked: Ref, pipeline: Pipeline) -> Ref:
    """`checked` as the [split] and [encode] of another pipeline say: a search has candidates that ask for it."""
    loaded = workspace.loaded.model_copy(update={"pipeline": pipeline})
    other = replace(workspace, loaded=loaded, listener=SILENT)
    return encode_stage(other, checked, split_stage(other, checked).ref).ref


def made_of(store: ArtefactStore, ref: Ref, kind: str) -> Ref:
    """The artefact of this kind that `ref` was made of, by its manifest."""
    return store.ref(kind, read_manifest(ref)["inputs"][kind])


def _clear_checkpoints(workspace: Workspace, encoded: Ref) -> None:
    """Also those of a run that was killed after its model was recorded; torch is only loaded when there are some."""
    root = workspace.store.root
    if workspace.pipeline.model.trained == "search":
        if any((root / "search").glob("*")):
            from seqcls.search.search import clear as clear_search

            clear_search(encoded, workspace.pipeline, workspace.store)
    elif any((root / "checkpoints").glob("*")):
        from seqcls.training.checkpoints import clear

        clear(workspace.store, encoded, workspace.pipeline)


def evaluate_stage(workspace: Workspace, model: Ref, checked: Ref) -> StageResult:
    """`model` on the test split -> `evaluation`: figures, baselines, report, model card."""
    pipeline, encoded = workspace.pipeline, made_of(workspace.store, model, "encoded")
    splits = made_of(workspace.store, encoded, "splits")

    def build() -> Built:
        from seqcls.evaluation.evaluate import evaluate

        for ref in (encoded, splits):  # no stage of this run may have looked at them
            workspace.store.whole(ref.kind, ref.digest)
        return evaluate(model, encoded, checked, splits, pipeline, workspace.store), {}

    inputs = (ref.digest for ref in (model, encoded, checked, splits))
    wanted = repr(pipeline.score.abstain_precision)
    return run_stage(workspace, "evaluate", content_key(pipeline.name, pipeline.kind, wanted, *inputs), build)


def run_stage(workspace: Workspace, stage: str, key: str, build: Callable[[], Built]) -> StageResult:
    """The artefact that this key made before, if it is whole; else build it and record it. The listener hears it."""
    key = content_key(stage, VERSIONS[stage], __version__, key)
    result = _find_result(workspace, stage, key) or _build(workspace, stage, key, build)
    workspace.listener.stage(stage, result.outcome)
    return result


def _find_result(workspace: Workspace, stage: str, key: str) -> StageResult | None:
    """What the key made in an earlier run, None where there is nothing or it is damaged."""
    found = find_stage(workspace.ledger, key)
    if found is None:
        return None
    kind, digest, facts = found
    ref = workspace.store.find_whole(kind, digest)
    if ref is None:
        return None
    os.utime(ref.folder)  # in use: `seqcls gc` passes over what is young
    return StageResult(stage=stage, ref=ref, reused=True, seconds=float(facts.get("seconds", 0.0)), facts=facts)


def _build(workspace: Workspace, stage: str, key: str, build: Callable[[], Built]) -> StageResult:
    started = time.perf_counter()
    with enough_memory(f"stage {stage}", _SMALLER.get(stage, "name fewer or smaller files")):
        ref, facts = build()
    seconds = time.perf_counter() - started
    record_stage(workspace.ledger, key, stage, ref.kind, ref.digest, {**facts, "seconds": seconds})
    failpoint("stage_recorded")
    return StageResult(stage=stage, ref=ref, reused=False, seconds=seconds, facts=facts)
