"""One candidate on one fold, trained up to some epoch: the unit of a search, committed and never repeated.

In: a candidate's pipeline, a fold. Out: `Trial`: logits of the scored rows by the best weights so far, seconds.
Promise: a trial is an artefact of the search's own store, complete or absent; a later trial with more epochs resumes
from the checkpoint of the earlier one, with the same bits as an uninterrupted training.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict

from seqcls.config.pipeline import Pipeline, content_key
from seqcls.data.encoded_split import EncodedSplit
from seqcls.listener import Listener
from seqcls.models.package import run_network
from seqcls.search.folds import Fold
from seqcls.store.artefacts import ArtefactStore, Ref, write_json
from seqcls.store.failpoints import failpoint
from seqcls.training.run import VALID_BATCH
from seqcls.training.seeding import choose_device, reproducible, threads_of
from seqcls.training.train import begin

Logits = npt.NDArray[np.float32]
FACTS, LOGITS = "trial.json", "logits.npy"


class TrialFacts(BaseModel):
    """trial.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    epochs: int
    """Epochs trained so far."""
    finished: bool
    """Whether training is finished: all epochs done, or stopped early."""
    seconds: float
    """Of this trial alone, without the earlier ones that it resumes."""
    train_rows: int
    """Rows that this trial trained on, counted once per epoch."""


@dataclass(frozen=True)
class Trial:
    facts: TrialFacts
    logits: Logits
    """(N, K) of the scored rows of the fold."""


class TrialStore:
    """Finished trials of one search, by key."""

    def __init__(self, store: ArtefactStore) -> None:
        self.store = store
        self.known = dict(self._read_all())

    def _read_all(self) -> list[tuple[str, Trial]]:
        return [(trial.facts.key, trial) for ref in self.store.all() if (trial := self._read(ref)) is not None]

    def _read(self, ref: Ref) -> Trial | None:
        """An intact trial, or None; a damaged one is set aside and will be repeated."""
        if ref.kind != "trial" or not self.store.is_whole(ref):
            return None
        facts = TrialFacts.model_validate_json((ref.folder / FACTS).read_bytes())
        return Trial(facts, np.load(ref.folder / LOGITS, allow_pickle=False))

    def commit(self, trial: Trial) -> None:
        with self.store.write("trial") as draft:
            write_json(draft.folder / FACTS, trial.facts.model_dump(mode="json"))
            np.save(draft.folder / LOGITS, trial.logits, allow_pickle=False)
        self.known[trial.facts.key] = trial
        failpoint("trial_committed")


def trial_key(pipeline: Pipeline, fold: Fold, epochs: int) -> str:
    """SHA-256 of everything that decides the logits."""
    origin = f"{torch.__version__} {choose_device().type} {threads_of(pipeline.train)} {epochs}"
    return content_key(
        pipeline.model, pipeline.train, pipeline.seed, fold.encoded.of(pipeline.encode).digest, fold.scored, origin
    )


def run_trial(pipeline: Pipeline, fold: Fold, epochs: int, trials: TrialStore, listener: Listener) -> Trial:
    """Train up to `epochs` (or the end), score, commit; a finished trial is not repeated."""
    key = trial_key(pipeline, fold, epochs)
    if key in trials.known:
        return trials.known[key]
    began, device, encoded = time.perf_counter(), choose_device(), fold.encoded.of(pipeline.encode)
    with reproducible(pipeline.seed, threads_of(pipeline.train), device):
        run = begin(encoded, pipeline, trials.store, device, listener)
        while not run.finished and run.state.epoch < epochs:
            run.next_epoch()
        run.model.load_state_dict(run.best)
        rows = EncodedSplit.open(encoded, fold.scored)
        logits = run_network(run.model.eval(), rows, run.inputs, len(run.labels), VALID_BATCH)
    facts = TrialFacts(
        key=key,
        epochs=run.state.epoch,
        finished=run.finished,
        seconds=time.perf_counter() - began,
        train_rows=run.throughput.rows,
    )
    trial = Trial(facts, logits)
    trials.commit(trial)
    return trial


def read_json(path: Path) -> dict[str, Any] | None:
    """A small file of the search; None if it is missing or truncated."""
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        return data
    except (FileNotFoundError, ValueError):
        return None
