"""A search from end to end: what it chooses, that it can be repeated without it, killed, and stopped by the clock."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqcls.config.pipeline import Pipeline
from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.evaluation.tried import Search, read_search
from seqcls.models.package import load_model, predict_logits
from seqcls.search.presets import presets_for
from seqcls.search.search import chosen_pipeline, clear, folder_of, train_best
from seqcls.store.artefacts import ArtefactStore, Ref, verify
from seqcls.training.train import train
from tests.recorder import Recorder
from tests.seqcls.search_examples import LONG, as_it_is, make_encoded, make_pipeline

ROOT = Path(__file__).parents[2]
PIPELINE = make_pipeline(["gru", "bag"], LONG)


def accuracy(model: Ref, encoded: Ref) -> float:
    """On test rows, by a test."""
    loaded, test = load_model(model), EncodedSplit.open(encoded, "test")
    return float((predict_logits(loaded, test, 256).argmax(1) == test.labels).mean())


class Searched:
    """A search without a test split that was killed at its seventh trial and then went on, and all that it said."""

    def __init__(self, folder: Path) -> None:
        self.store, self.encoded = ArtefactStore(folder), make_encoded(folder, test=False)
        self.root = folder_of(self.encoded, PIPELINE, self.store)
        command = [sys.executable, "-m", "tests.seqcls.search_examples", str(folder)]
        environment = {**os.environ, "SEQCLS_FAILPOINT": "trial_committed=kill@7", "OMP_NUM_THREADS": "1"}
        self.killed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        self.before = self.trials()
        self.spent = json.loads((self.root / "clock.json").read_bytes())["seconds"]
        self.heard = Recorder()
        self.model = train_best(self.encoded, PIPELINE, self.store, as_it_is, listener=self.heard).ref
        found = read_search(self.model.folder)
        assert found is not None
        self.found: Search = found

    def trials(self) -> dict[str, int]:
        """Committed trials, and when they were written."""
        return {path.name: path.stat().st_mtime_ns for path in (self.root / "artefacts" / "trial").iterdir()}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return Searched(tmp_path_factory.mktemp("search"))


@pytest.mark.slow
def test_a_killed_search_goes_on_without_repeating_finished_trials(searched: Searched) -> None:
    assert searched.killed.returncode == -9, searched.killed.stderr
    after = searched.trials()
    assert (len(searched.before), len(after)) == (7, 16)  # three candidates on five folds, the baseline on all rows too
    assert searched.before.items() <= after.items()
    assert not any(progress.trial.startswith("ngrams") for progress in searched.heard.steps)  # all six were done
    assert searched.found.seconds > searched.spent > 0


@pytest.mark.slow
def test_the_candidate_that_can_learn_the_classes_is_chosen_and_the_record_says_why(searched: Searched) -> None:
    found = searched.found
    names = {one.name for one in found.candidates}
    assert names == {"ngrams", "gru", "bag"}
    assert found.chosen == "gru" == found.candidates[0].name
    best, *others = found.candidates
    assert all(one.score is not None and one.score < best.score for one in others if best.score)
    assert best.score is not None
    assert best.score > 0.85
    assert all(one.behind is not None and one.behind[0] > 0 for one in others)
    assert found.why.startswith(f"balanced_accuracy {best.score:.4f}, the highest of 3; ")
    assert "ngrams, the reference" in found.why
    assert found.judged == "5-fold cross-validation (165 training rows, fewer than 2,000)"
    assert found.rows == 205
    assert len(best.fold_scores) == 5
    assert found.seconds <= found.budget_seconds == 2400
    assert all(one.seconds > 0 and one.train_rows_per_second for one in found.candidates)


def test_the_test_split_is_not_needed(searched: Searched) -> None:
    assert not (searched.encoded.folder / "test").exists()
    assert "search.json" in verify(searched.model)["files"]


def test_trials_are_told_line_by_line_and_progress_names_the_candidate(searched: Searched) -> None:
    assert searched.heard.notes[0].startswith("auto: 3 candidates, ")
    for name in ("ngrams", "gru", "bag"):
        assert any(line.startswith(f"auto: {name}: balanced_accuracy ") for line in searched.heard.notes)
    assert any(line.startswith("auto: gru was chosen: ") for line in searched.heard.notes)
    trials = {progress.trial for progress in searched.heard.steps}
    assert {"gru, fold 1 of 5", "bag, fold 5 of 5", ""} <= trials


@pytest.mark.slow
def test_the_pinned_lines_train_the_same_weights_without_a_search(searched: Searched, tmp_path: Path) -> None:
    pinned = pinned_pipeline(searched.found)
    assert pinned.model.family == "gru"
    again = train(searched.encoded, pinned, ArtefactStore(tmp_path))
    assert load_model(again.ref).manifest.weights_sha256 == load_model(searched.model).manifest.weights_sha256


@pytest.mark.slow
def test_the_model_is_no_worse_than_the_best_single_candidate_within_noise(searched: Searched, tmp_path: Path) -> None:
    tested = make_encoded(tmp_path)
    alone = {}
    for preset in presets_for(PIPELINE):
        pipeline = chosen_pipeline(searched.found.model_copy(update={"chosen": preset.name}), PIPELINE)
        alone[preset.name] = accuracy(train(searched.encoded, pipeline, ArtefactStore(tmp_path)).ref, tested)
    noise = 2 * np.sqrt(0.25 / 400)  # two standard errors of an accuracy on 400 rows, at most
    assert accuracy(searched.model, tested) >= max(alone.values()) - noise
    assert accuracy(searched.model, tested) > alone["ngrams"] + noise


def test_what_a_search_leaves_is_removed_once_its_model_is_recorded(searched: Searched) -> None:
    assert searched.root.is_dir()
    clear(searched.encoded, PIPELINE, searched.store)
    assert not searched.root.exists()
    assert not any((searched.store.root / "checkpoints").glob("*"))


@pytest.mark.slow
def test_when_the_budget_is_spent_only_the_reference_is_judged(tmp_path: Path) -> None:
    store, encoded = ArtefactStore(tmp_path), make_encoded(tmp_path)
    pipeline = make_pipeline(["gru"], {"budget": "2m"})
    root = folder_of(encoded, pipeline, store)
    root.mkdir(parents=True)
    (root / "clock.json").write_text('{"seconds": 119.9}')
    heard = Recorder()
    found = read_search(train_best(encoded, pipeline, store, as_it_is, listener=heard).ref.folder)
    assert found is not None
    assert found.chosen == "ngrams"
    assert re.search(
        r"; training on the validation rows as well would take \d+\.\d s, and 0\.\d s were left$", found.why
    )
    assert found.judged.startswith(
        "one validation split of 40 rows (165 training rows, fewer than 2,000, but the budget"
    )
    gru = found.candidates[1]
    assert (gru.score, gru.epochs) == (None, 0)
    assert gru.state == "not tried: the fits, and the first steps of the networks before it, took half the budget"
    assert found.seconds < 120 + 30


def test_an_unknown_candidate_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match=r"model\.candidates: 'grru' is not known; .*lstm.* did you mean 'gru'\?"):
        train_best(make_encoded(tmp_path), make_pipeline(["grru"]), ArtefactStore(tmp_path), as_it_is)


@pytest.mark.slow
def test_a_candidate_that_cannot_be_trained_is_named_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqcls.training.run import Run

    def explode(_run: Run) -> None:
        raise DataRefused("the loss is nan", where="epoch 1, step 1")

    monkeypatch.setattr(Run, "next_epoch", explode)
    encoded = make_encoded(tmp_path)
    store, pipeline = ArtefactStore(tmp_path), make_pipeline(["gru"], {**LONG, "calibrate": True})  # no other rows
    found = read_search(train_best(encoded, pipeline, store, as_it_is).ref.folder)
    assert found is not None
    assert found.chosen == "ngrams"
    assert {one.name: one.state for one in found.candidates} == {
        "ngrams": "finished",
        "gru": "failed: the loss is nan",
    }


def pinned_pipeline(found: Search) -> Pipeline:
    """What a person gets who follows the advice: the printed lines as [model] and [train]."""
    import tomllib

    data = tomllib.loads(found.pin)
    pipeline = make_pipeline([], model=data["model"])
    from seqcls.config.train import TrainConfig

    return pipeline.model_copy(update={"train": TrainConfig(**data.get("train", {}))})
