"""Training: it learns, repeats itself, stops in time, refuses what it cannot use, and leaves the process as it was."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from seqcls.config.train import TrainConfig
from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.models.building import build_model
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore, read_manifest, verify
from seqcls.training.imbalance import class_weights
from seqcls.training.monitor import figures, is_better
from seqcls.training.optimisation import Objective, Optimiser, learning_rate_at
from seqcls.training.train import train
from tests.recorder import Recorder
from tests.seqcls.encoded_examples import SPECS, encoded_table, write_encoded
from tests.seqcls.training_examples import FAMILIES, LABELS, make_encoded, make_pipeline, train_example

GRU = {"family": "gru", "width": 16, "embedding": 16, "dropout": 0.1, "bidirectional": True}


@pytest.mark.slow
def test_a_network_learns_and_its_artefact_scores_the_test_rows(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path)
    heard = Recorder()
    pipeline = make_pipeline(GRU, {"epochs": 5})
    result = train(encoded, pipeline, ArtefactStore(tmp_path), listener=heard)
    manifest = verify(result.ref)
    assert set(manifest["files"]) == {"weights.safetensors", "model.json", "encoder.json", "history.json"}
    assert manifest["inputs"] == {"encoded": encoded.digest}
    loaded = load_model(result.ref)
    assert loaded.labels == tuple(LABELS)
    parameters = sum(weight.numel() for weight in loaded.model.parameters())
    history = json.loads((result.ref.folder / "history.json").read_text())
    best = min(history, key=lambda record: record["valid_loss"])["epoch"]
    assert manifest["meta"] == {"family": "gru", "parameters": parameters, "epochs": len(history), "best_epoch": best}
    test = EncodedSplit.open(encoded, "test")
    logits = predict_logits(loaded, test, 16)
    assert (logits.argmax(1) == test.labels).mean() > 0.9
    ended = [at for at in heard.steps if at.done == int(at.done)]
    assert list(dict.fromkeys(at.done for at in ended)) == list(range(1, len(history) + 1)), "each once, in order"
    assert all(at.total == 5 and at.detail.startswith(f"epoch {int(at.done)}/5, loss ") for at in ended)
    assert result.rows == 160 * len(history)


@pytest.mark.slow
def test_the_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    result = train_example(tmp_path, GRU, {"epochs": 6, "learning_rate": 0.05, "schedule": "constant", "patience": 6})
    history = json.loads((result.ref.folder / "history.json").read_text())
    loaded = load_model(result.ref)
    valid = EncodedSplit.open(make_encoded(tmp_path), "valid")
    logits = torch.from_numpy(predict_logits(loaded, valid, 64))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(valid.labels)).item()
    assert loss == pytest.approx(history[loaded.manifest.best_epoch - 1]["valid_loss"], rel=1e-5)
    assert loss == pytest.approx(min(record["valid_loss"] for record in history), rel=1e-5)


@pytest.mark.slow
def test_training_stops_when_validation_no_longer_improves(tmp_path: Path) -> None:
    # Labels of the validation rows are those of the next class: what is learnt makes validation worse.
    spec = SPECS["tokens"]
    first = [[1 + row % 3, 5, 6] for row in range(60)]
    splits = {
        "train": encoded_table(first, [row % 3 for row in range(60)], spec),
        "valid": encoded_table(first, [(row + 1) % 3 for row in range(60)], spec),
    }
    encoded = write_encoded(tmp_path, spec, splits, LABELS)
    result = train(encoded, make_pipeline(GRU, {"epochs": 40, "patience": 2}), ArtefactStore(tmp_path))
    meta = read_manifest(result.ref)["meta"]
    assert meta["epochs"] == meta["best_epoch"] + 2 < 40


@pytest.mark.slow
def test_the_same_seed_gives_the_same_artefact_and_another_seed_another(tmp_path: Path) -> None:
    digests = [
        train_example(tmp_path / str(n), FAMILIES["cnn"], seed=seed).ref.digest for n, seed in enumerate([3, 3, 4])
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
def test_training_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(77)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train_example(tmp_path, FAMILIES["cnn"], {"epochs": 1, "threads": 1 if threads > 1 else 2})
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_determinism_does_not_import_the_compiler() -> None:
    code = (
        "import sys, torch\n"
        "from seqcls.training.seeding import reproducible\n"
        "with reproducible(0, 1, torch.device('cpu')):\n"
        "    print(torch.are_deterministic_algorithms_enabled(), 'torch._inductor' in sys.modules)\n"
        "print(torch.are_deterministic_algorithms_enabled())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"]


def test_no_validation_rows_are_refused_with_the_key_to_set(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path, valid_rows=0)
    with pytest.raises(ConfigRefused, match=r"split\.valid: no validation rows.*set split\.valid = 0\.1"):
        train(encoded, make_pipeline(GRU, {}), ArtefactStore(tmp_path))


def test_a_label_beyond_the_classes_is_refused_with_its_row(tmp_path: Path) -> None:
    spec = SPECS["tokens"]
    table = encoded_table([[1], [2], [3]], [0, 3, 1], spec)
    encoded = write_encoded(tmp_path, spec, {"train": table, "valid": table}, LABELS)
    with pytest.raises(DataRefused, match="row 2 of train has the class index 3; expected 0 to 2"):
        train(encoded, make_pipeline(GRU, {}), ArtefactStore(tmp_path))


def test_a_loss_that_is_not_finite_ends_the_run_with_epoch_and_step(tmp_path: Path) -> None:
    spec = SPECS["values"]
    rows = [[0.5, 1.0]] * 20
    rows[7] = [3e38, 3e38]
    table = encoded_table(rows, [row % 3 for row in range(20)], spec)
    encoded = write_encoded(tmp_path, spec, {"train": table, "valid": table}, LABELS)
    pipeline = make_pipeline({"family": "cnn", "normalise": "batch", "padding": "same"}, {"batch_size": 20})
    with pytest.raises(DataRefused, match=r"epoch 1, step 1: the loss is (nan|inf); .*train\.learning_rate"):
        train(encoded, pipeline, ArtefactStore(tmp_path))
    assert not list((tmp_path / "artefacts").glob("model/*"))


@pytest.mark.slow
@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_balance_helps_a_rare_class(tmp_path: Path, balance: str) -> None:
    # Nothing in the sequence tells the class: the best guess is the frequent one, unless classes are balanced.
    spec = SPECS["tokens"]
    labels = [0] * 90 + [1] * 6 + [2] * 4
    table = encoded_table([[1, 2, 3]] * 100, labels, spec)
    encoded = write_encoded(tmp_path, spec, {"train": table, "valid": table}, LABELS)
    chances = {}
    for setting in ("none", balance):
        train_settings = {"balance": setting, "epochs": 30, "patience": 30, "monitor": "loss", "learning_rate": 0.02}
        model = {**GRU, "dropout": 0.0}
        if setting == "sampling":
            train_settings |= {"epochs": 10, "monitor": "macro_f1", "patience": 10}
        ref = train(encoded, make_pipeline(model, train_settings), ArtefactStore(tmp_path)).ref
        loaded = load_model(ref)
        logits = predict_logits(loaded, EncodedSplit.open(encoded, "valid"), 64)[0]
        chances[setting] = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(chances["none"], [0.9, 0.06, 0.04], atol=0.05)
    assert chances[balance][0] < 0.7


def test_class_weights_average_to_one_over_the_rows() -> None:
    labels = np.array([0, 0, 0, 2])
    weights = class_weights(labels, 4)
    np.testing.assert_allclose(weights, [4 / (2 * 3), 0, 4 / 2, 0])
    assert weights[labels].mean() == pytest.approx(1.0)


def test_a_balance_power_of_a_half_takes_the_square_root_and_zero_changes_nothing() -> None:
    labels = np.array([0] * 9 + [2])
    weights = class_weights(labels, 3, 0.5)
    assert weights[2] / weights[0] == pytest.approx(3.0)  # full weights: 9
    assert weights[1] == 0
    assert weights[labels].mean() == pytest.approx(1.0)
    np.testing.assert_allclose(class_weights(labels, 3, 0.0), [1, 0, 1])


def test_the_objective_is_the_weighted_smoothed_cross_entropy() -> None:
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
    rows = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(1))]
    plain = Objective(0.0, None, torch.device("cpu"))
    assert plain(logits, labels).item() == pytest.approx(sum(rows))
    weighed = Objective(0.0, np.array([3.0, 1.0]), torch.device("cpu"))
    assert weighed(logits, labels).item() == pytest.approx(3 * sum(rows))


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    config = TrainConfig(learning_rate=0.8, warmup=0.2)
    rates = [learning_rate_at(step, 10, config) for step in range(10)]
    assert rates[:3] == pytest.approx([0.4, 0.8, 0.8])
    assert all(later < earlier for earlier, later in pairwise(rates[2:]))
    assert learning_rate_at(10, 10, config) == pytest.approx(0.0)
    constant = TrainConfig(learning_rate=0.8, warmup=0.0, schedule="constant")
    assert {learning_rate_at(step, 10, constant) for step in range(10)} == {0.8}


def test_embeddings_biases_and_norms_do_not_decay() -> None:
    for form in ("tokens", "composition"):
        pipeline = make_pipeline({**FAMILIES["cnn"], "pooling": "attention", "dense": 4}, {})
        model = build_model(pipeline.model, SPECS[form], 3)
        adam = Optimiser(model, pipeline.train, 10).adam
        decays = {name: decay for decay, names in adam.groups for name in names}
        assert {name for name, decay in decays.items() if decay} == {
            "body.layers.0.weight", "body.layers.1.weight", "pooling.keys.weight", "pooling.query.weight",
            "dense.weight", "classes.weight",
        }  # fmt: skip
        assert sorted(decays) == sorted(name for name, _ in model.named_parameters())


def test_the_figures_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    for classes in (2, 3, 7):
        labels, guesses = random.integers(0, classes, 50), random.integers(0, classes, 50)
        found = figures(labels, guesses, classes)
        assert found.accuracy == pytest.approx(accuracy_score(labels, guesses))
        assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, guesses))
        assert found.macro_f1 == pytest.approx(f1_score(labels, guesses, average="macro"))
    rare = figures(np.array([0, 0, 1]), np.array([0, 1, 1]), 4)
    assert (rare.accuracy, rare.balanced_accuracy) == (pytest.approx(2 / 3), pytest.approx(0.75))


def test_of_equal_epochs_the_first_is_kept() -> None:
    assert is_better(1.0, None, "loss")
    assert is_better(0.9, 1.0, "loss")
    assert not is_better(1.0, 1.0, "loss")
    assert is_better(1.0, 0.9, "accuracy")
    assert not is_better(0.9, 0.9, "accuracy")
