"""`family = "auto"`: try presets within a budget, record what was tried, train the best.

In: an `encoded` artefact, the same rows in the encodings of presets, a pipeline with `model.family = "auto"`. Out: a
`model` artefact like any other, with search.json beside the weights. Promise: only the row ids of the test split are
read; the reference is always judged; finished trials are committed in STORE/search/KEY, so a killed search
resumes with its plan and its remaining budget; the clock decides how far the search goes, but `train` alone trains the
chosen model, so the config sections in the record give the same weights without a search.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from seqcls.config.base import duration_seconds
from seqcls.config.pipeline import Pipeline, content_key
from seqcls.distributed.ranks import refuse_launcher
from seqcls.evaluation.tried import FILE, Search, read_search
from seqcls.listener import SILENT, Listener
from seqcls.search.bench import Bench, try_candidate
from seqcls.search.candidate import Candidate, make_candidate, pin
from seqcls.search.clock import Clock
from seqcls.search.deciding import decide, seconds_for_whole
from seqcls.search.encodings import Encodings, same_rows
from seqcls.search.folds import judge_by_validation
from seqcls.search.halving import halve, try_left_out
from seqcls.search.judging import choose_judging, measure_speeds, plan_epochs
from seqcls.search.plan import Plan
from seqcls.search.presets import encodings_beside, presets_for, with_validation_rows
from seqcls.search.sizing import limit_rows
from seqcls.search.trial import TrialStore
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.durable import replace_text
from seqcls.store.failpoints import failpoint
from seqcls.training import checkpoints
from seqcls.training.train import TrainResult, train

EncodeFor = Callable[[Pipeline], Ref]
"""Pipeline -> the `encoded` artefact of the same checked rows, by its [split] and [encode]."""
VERSION = 6
"""Bump this when a change of the code changes what a search does; older unfinished searches are then ignored."""


def train_best(
    encoded: Ref, pipeline: Pipeline, store: ArtefactStore, encode_for: EncodeFor, *,
    listener: Listener = SILENT, attached: Mapping[str, object] | None = None,
) -> TrainResult:  # fmt: skip
    """Search, then train the chosen model; the caller calls `clear` once the model is recorded."""
    found = search(encoded, pipeline, store, encode_for, listener=listener)
    chosen = chosen_pipeline(found, pipeline)
    _take_over_checkpoints(encoded, pipeline, chosen, store)
    as_it_is = (chosen.encode, chosen.split) == (pipeline.encode, pipeline.split)
    rows = encoded if as_it_is else encode_for(chosen)
    records = {FILE: found.model_dump(mode="json"), **(attached or {})}
    result = train(rows, chosen, store, listener=listener, attached=records)
    if result.rows:
        return result
    speed = next(one.train_rows_per_second for one in found.candidates if one.name == found.chosen)
    return replace(result, rows_per_second=speed or 0.0)  # it was trained during the search


def search(
    encoded: Ref, pipeline: Pipeline, store: ArtefactStore, encode_for: EncodeFor, *,
    listener: Listener = SILENT,
) -> Search:  # fmt: skip
    """Try the candidates of a pipeline; a decision that was made already is read back."""
    refuse_launcher(pipeline.model.family)
    root = folder_of(encoded, pipeline, store)
    known = read_search(root)
    if known is not None:
        return known
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = Clock(root / "clock.json", duration_seconds(pipeline.train.budget))
    bench = Bench(pipeline, root, TrialStore(ArtefactStore(root)), clock, listener)
    candidates = [make_candidate(preset, pipeline) for preset in presets_for(pipeline)]
    encodings = Encodings(encoded, {content_key(one.encode): encode_for(one) for one in encodings_beside(pipeline)})
    candidates = limit_rows(bench, candidates, judge_by_validation(encodings, ""))
    costs = measure_speeds(bench, encodings, candidates)
    judging = choose_judging(bench, encodings, candidates, costs)
    bench.listener.note(f"auto: {len(candidates)} candidates, {judging.why}")
    fitted = [candidate for candidate in candidates if candidate.preset.is_fitted]
    for candidate in fitted:
        try_candidate(bench, candidate, judging, 1)
    plan = plan_epochs(bench, judging, costs)
    trained = [_planned(candidate, plan, pipeline) for candidate in candidates if not candidate.preset.is_fitted]
    halve(bench, [one for one in trained if one.name in plan.epochs], plan, judging, costs)
    try_left_out(bench, trained, judging, costs)
    tried = [*fitted, *trained]
    found = decide(bench, tried, judging)
    found = _with_whole(found, next(one for one in tried if one.name == found.chosen), bench, encoded, encode_for)
    replace_text(root / FILE, found.model_dump_json(indent=1))
    failpoint("search_decided")
    bench.listener.note(f"auto: {found.chosen} was chosen: {found.why}")
    return found


def folder_of(encoded: Ref, pipeline: Pipeline, store: ArtefactStore) -> Path:
    """STORE/search/KEY: the key is the SHA-256 of everything that decides what is tried."""
    key = content_key(
        pipeline.model, pipeline.train, pipeline.seed, pipeline.promote.compare, str(VERSION), encoded.digest
    )
    return store.root / "search" / key


def chosen_pipeline(found: Search, pipeline: Pipeline) -> Pipeline:
    """The pipeline that trains the chosen model."""
    preset = next(preset for preset in presets_for(pipeline) if preset.name == found.chosen)
    tried = next(one for one in found.candidates if one.name == found.chosen)
    chosen = make_candidate(preset, pipeline, tried.most_epochs).with_rows(tried.most_rows).pipeline
    return with_validation_rows(preset, chosen) if found.whole else chosen


def _with_whole(found: Search, best: Candidate, bench: Bench, encoded: Ref, encode_for: EncodeFor) -> Search:
    """Whether the chosen model also learns the validation rows; never if that would change the test rows."""
    if best.most_rows is not None:  # it does not even learn from all training rows
        return found
    whole = found.model_copy(update={"whole": True})
    chosen = chosen_pipeline(whole, bench.pipeline)
    if chosen.split == bench.pipeline.split:
        return found
    needed, left = seconds_for_whole(best), bench.clock.budget - bench.clock.spent
    if needed > left:
        why = f"training on the validation rows as well would take {needed:.1f} s, and {max(left, 0):.1f} s were left"
        return _explained(found, why)
    if not same_rows(encode_for(chosen), encoded, "test"):
        return found
    explained = _explained(whole, "trained on the validation rows as well")
    return explained.model_copy(update={"pin": pin(chosen, split=True)})


def _explained(found: Search, why: str) -> Search:
    """The result with one more reason."""
    return found.model_copy(update={"why": f"{found.why}; {why}"})


def clear(encoded: Ref, pipeline: Pipeline, store: ArtefactStore) -> None:
    """Remove the files of a finished search, whose model is recorded."""
    root = folder_of(encoded, pipeline, store)
    found = read_search(root)
    if found is not None:
        checkpoints.clear(store, encoded, chosen_pipeline(found, pipeline))
    shutil.rmtree(root, ignore_errors=True)


def _planned(candidate: Candidate, plan: Plan, pipeline: Pipeline) -> Candidate:
    """A candidate with the epochs of the plan, or with the reason why it is left out."""
    if candidate.name not in plan.epochs:
        if candidate.name in plan.left_out:
            candidate.state, candidate.left_out = f"not tried: {plan.left_out[candidate.name]}", True
        return candidate
    return make_candidate(candidate.preset, pipeline, plan.epochs[candidate.name])


def _take_over_checkpoints(encoded: Ref, pipeline: Pipeline, chosen: Pipeline, store: ArtefactStore) -> None:
    """A training that the search began on the real splits resumes, instead of starting again."""
    begun = checkpoints.folder_of(ArtefactStore(folder_of(encoded, pipeline, store)), encoded, chosen)
    target = checkpoints.folder_of(store, encoded, chosen)
    if begun.is_dir() and not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.replace(begun, target)
