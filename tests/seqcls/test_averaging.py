"""The average of the weights: as computed by hand, what is judged and kept, and resumed bit for bit."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.data.batches import Batches
from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused
from seqcls.models.layers import MaskedBatchNorm
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore, read_manifest
from seqcls.training.averaging import WeightAverage
from seqcls.training.run import Run
from seqcls.training.seeding import reproducible
from tests.seqcls.test_checkpoints import EVERY_STEP, run_child
from tests.seqcls.training_examples import FAMILIES, make_encoded, make_pipeline, train_example

CNN = FAMILIES["cnn"]
EMA = {"average": "ema", "average_half_life": 0.5}


def one_weight(value: float) -> nn.Module:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_an_average_by_hand() -> None:
    average = WeightAverage(one_weight(99.0), half_life=1.0)  # what stood before the first step does not count
    found = []
    for value in (1.0, 3.0, 5.0):
        average.add(one_weight(value))
        found.append(average.network.weight.item())
    assert found == pytest.approx([1.0, (1 / 2 * 1 + 3) / 1.5, (1 / 4 * 1 + 1 / 2 * 3 + 5) / 1.75])


def test_what_is_a_half_life_old_counts_half() -> None:
    average = WeightAverage(one_weight(0.0), half_life=20.0)
    kept = 1.0
    for step in range(1, 41):
        share = average.share(step)
        kept = share if step == 20 else kept * (1 - share) if step > 20 else kept
    assert average.share(40) / kept == pytest.approx(2.0)


def started_run(store: Path, model: dict[str, Any], train: dict[str, Any]) -> Run:
    pipeline = make_pipeline(model, train)
    return Run(make_encoded(store), pipeline, torch.device("cpu"), store / "checkpoints" / "run")


def weights_after_each_step(run: Run) -> list[dict[str, Tensor]]:
    """Train to the end and write down the weights after each step, normalisation included."""
    seen: list[dict[str, Tensor]] = []
    step = run.learner.optimiser.step

    def recorded() -> None:
        step()
        seen.append({name: tensor.double().clone() for name, tensor in run.model.state_dict().items()})

    run.learner.optimiser.step = recorded  # type: ignore[method-assign]
    while not run.finished:
        run.next_epoch()
    return seen


@pytest.mark.slow
def test_the_weights_that_are_kept_are_the_average_over_all_steps_of_the_training(tmp_path: Path) -> None:
    with reproducible(0, 1, torch.device("cpu")):
        run = started_run(tmp_path, CNN, {**EMA, "epochs": 3, "patience": 3})
        seen = weights_after_each_step(run)
    assert run.learner.average is not None
    until = run.state.best_epoch * run.data.train.steps
    assert len(seen) == 30
    half_life = 0.5 * run.data.train.steps
    counts = 0.5 ** ((until - 1 - np.arange(until)) / half_life)
    counts /= counts.sum()
    for name, kept in run.best.items():
        expected = sum(count * step[name] for count, step in zip(counts, seen[:until], strict=True))
        torch.testing.assert_close(kept.double(), expected, atol=1e-6, rtol=1e-4)
        assert kept.shape == (8,) or not torch.equal(kept.double(), seen[until - 1][name])


@pytest.mark.slow
def test_averaging_changes_what_is_judged_and_nothing_of_what_is_learnt(tmp_path: Path) -> None:
    histories = {}
    for name, settings in (("plain", {}), ("averaged", EMA)):
        result = train_example(tmp_path / name, CNN, {**settings, "epochs": 3, "patience": 3})
        histories[name] = json.loads((result.ref.folder / "history.json").read_text())
    pairs = list(zip(histories["plain"], histories["averaged"], strict=True))
    assert all(plain["train_loss"] == averaged["train_loss"] for plain, averaged in pairs)
    assert all(plain["valid_loss"] != averaged["valid_loss"] for plain, averaged in pairs)


@pytest.mark.slow
def test_the_loss_in_the_history_is_that_of_the_averaged_weights_in_the_artefact(tmp_path: Path) -> None:
    result = train_example(tmp_path, CNN, EMA)
    loaded = load_model(result.ref)
    history = json.loads((result.ref.folder / "history.json").read_text())
    valid = EncodedSplit.open(make_encoded(tmp_path), "valid")
    logits = torch.from_numpy(predict_logits(loaded, valid, 64))
    loss = F.cross_entropy(logits, torch.from_numpy(valid.labels)).item()
    assert loss == pytest.approx(history[loaded.manifest.best_epoch - 1]["valid_loss"], rel=1e-5)


def test_an_average_is_nearer_to_the_best_weights_than_noisy_steps_end() -> None:
    # Polyak's case: steps of constant size down a bowl, each with noise of its own, never settle; their middle does.
    torch.manual_seed(0)
    layer = nn.Linear(100, 1, bias=False)
    average = WeightAverage(layer, half_life=50)
    with torch.no_grad():
        for _ in range(500):
            layer.weight.sub_(0.5 * (layer.weight - 1 + torch.randn(1, 100)))  # down to 1
            average.add(layer)
    assert (layer.weight - 1).square().mean().item() == pytest.approx(1 / 3, abs=0.15)  # 0.5² / (1 - 0.5²)
    assert (average.network.weight - 1).square().mean() < 0.1 * (layer.weight - 1).square().mean()


@pytest.mark.slow
def test_averaged_statistics_of_normalisation_serve_as_well_as_those_measured_anew(tmp_path: Path) -> None:
    with reproducible(0, 1, torch.device("cpu")):
        run = started_run(tmp_path, {**CNN, "dropout": 0.0}, {**EMA, "epochs": 6, "patience": 6})
        while not run.finished:
            run.next_epoch()
    norms = [module for module in run.learner.judged.modules() if isinstance(module, MaskedBatchNorm)]
    averaged = run.learner.measure(run.data.valid, 0)[0]
    for norm in norms:
        norm.momentum = 1.0  # one pass over all training rows replaces the statistics by those of the rows
    train = run.data.train.split
    with torch.no_grad():
        run.learner.judged.train()(next(Batches(train, run.inputs, len(train), 0, shuffle=False).iterate(0)))
    assert run.learner.measure(run.data.valid, 0)[0] == pytest.approx(averaged, rel=0.05)
    for norm in norms:
        nn.init.zeros_(norm.running_mean)
        nn.init.ones_(norm.running_var)
    assert run.learner.measure(run.data.valid, 0)[0] > 1.05 * averaged, "as they would be if only weights were averaged"


@pytest.mark.slow
def test_a_killed_training_with_an_average_ends_with_the_artefact_of_an_undisturbed_one(tmp_path: Path) -> None:
    model, settings = {**CNN, "word_dropout": 0.1}, {**EVERY_STEP, **EMA}
    undisturbed = train_example(tmp_path / "undisturbed", model, settings)
    killed = run_child(tmp_path / "killed", model, settings, "step_ended=kill@14")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = train_example(tmp_path / "killed", model, settings)
    assert 0 < resumed.rows < undisturbed.rows, "it went on from a checkpoint"
    assert resumed.ref.digest == undisturbed.ref.digest


@pytest.mark.slow
def test_a_training_with_an_average_killed_before_its_artefact_only_writes_the_artefact(tmp_path: Path) -> None:
    first = train_example(tmp_path, CNN, EMA, seed=2)  # its last epoch is its best
    shutil.rmtree(first.ref.folder)
    again = train_example(tmp_path, CNN, EMA, seed=2)
    assert read_manifest(again.ref)["meta"]["best_epoch"] == 3, (
        "the best weights are the average of the last checkpoint"
    )
    assert again.rows == 0
    assert again.ref.digest == first.ref.digest


def test_the_average_is_a_part_of_the_checkpoints_key(tmp_path: Path) -> None:
    from seqcls.training.checkpoints import folder_of

    encoded, store = make_encoded(tmp_path), ArtefactStore(tmp_path)
    settings: list[dict[str, object]] = [{}, EMA, {"average": "ema"}]
    assert len({folder_of(store, encoded, make_pipeline(CNN, each)) for each in settings}) == 3


@pytest.mark.parametrize(("name", "value"), [("average", "swa"), ("average_half_life", 0.0)])
def test_unknown_averages_and_empty_half_lives_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigRefused, match=rf"train\.{name}"):
        make_pipeline(CNN, {name: value})
