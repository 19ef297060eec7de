"""Losses for rare classes: by hand, and by what they do to a set of 1 in 50."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from seqcls.config.train import TrainConfig
from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.imbalance import class_weights, effective_weights, loss_shift, loss_weights, prior_shift
from seqcls.training.optimisation import Objective
from seqcls.training.train import train
from tests.seqcls.encoded_examples import SPECS, encoded_table, write_encoded
from tests.seqcls.training_examples import make_pipeline

NINE_TO_ONE = np.array([0] * 9 + [1])


def test_the_adjusted_loss_is_that_of_the_hand_example() -> None:
    # Shares 0.9 and 0.1, logits (0, 0), true class 1: -ln(0.1 / (0.9 + 0.1)); tau = 2: -ln(0.01 / (0.81 + 0.01)).
    for tau, expected in ((1.0, -math.log(0.1)), (2.0, -math.log(0.01 / 0.82)), (0.0, math.log(2))):
        objective = Objective(0.0, None, torch.device("cpu"), prior_shift(NINE_TO_ONE, 2, tau))
        assert objective(torch.zeros(1, 2), torch.tensor([1])).item() == pytest.approx(expected)


def test_a_class_without_training_rows_keeps_the_smoothed_loss_finite() -> None:
    objective = Objective(0.1, None, torch.device("cpu"), prior_shift(NINE_TO_ONE, 3, 1.0))
    assert math.isfinite(objective(torch.zeros(1, 3), torch.tensor([0])).item())


def test_effective_weights_are_those_of_the_hand_example() -> None:
    # beta 0.5: effective rows of 9 rows are (1 - 0.5^9) / 0.5 = 1.99609375, of 1 row 1.
    weights = effective_weights(NINE_TO_ONE, 3, 0.5)
    assert weights[1] / weights[0] == pytest.approx(1.99609375)
    assert weights[2] == 0
    assert weights[NINE_TO_ONE].mean() == pytest.approx(1.0)


def test_effective_weights_lie_between_no_weights_and_full_weights() -> None:
    labels = np.random.default_rng(0).choice(4, 500, p=[0.7, 0.2, 0.08, 0.02])
    np.testing.assert_allclose(effective_weights(labels, 4, 0.0), np.ones(4))
    np.testing.assert_allclose(effective_weights(labels, 4, 1 - 1e-9), class_weights(labels, 4), rtol=1e-4)


def test_cross_entropy_changes_nothing() -> None:
    config = TrainConfig()
    assert loss_weights(config, NINE_TO_ONE, 2) is None
    assert loss_shift(config, NINE_TO_ONE, 2) is None


def test_two_corrections_at_once_are_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"train: .*balance = \"sampling\" and loss = \"logit_adjusted\" both"):
        make_pipeline({"family": "cnn"}, {"balance": "sampling", "loss": "logit_adjusted"})


def one_in_fifty(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping classes of series, 50 to 1: the level of class 1 is higher by 1.5 standard deviations."""
    random = np.random.default_rng(seed)
    labels = (np.arange(rows) % 51 == 0).astype(np.int64)
    return random.normal(0, 1, rows) + 1.5 * labels, labels


@pytest.mark.slow
def test_on_a_set_of_one_in_fifty_the_adjusted_loss_finds_the_rare_class(tmp_path: Path) -> None:
    spec = SPECS["values"]
    splits, truth = {}, {}
    for seed, (name, rows) in enumerate({"train": 1530, "valid": 510, "test": 4080}.items()):
        levels, truth[name] = one_in_fifty(rows, seed)
        splits[name] = encoded_table([[level] * 3 for level in levels.tolist()], truth[name].tolist(), spec)
        if name == "test":
            # The best cut for equal classes is half way; a logistic regression with equal classes finds it too.
            reference = LogisticRegression(class_weight="balanced").fit(levels[:, None], truth[name])
            best = balanced_accuracy_score(truth[name], reference.predict(levels[:, None]))
    encoded = write_encoded(tmp_path, spec, splits, ["often", "rare"], shard=10_000)
    found = {}
    for loss in ("cross_entropy", "logit_adjusted", "class_balanced"):
        settings = {"loss": loss, "epochs": 6, "learning_rate": 0.05, "batch_size": 64, "loss_beta": 0.9999}
        model = {"family": "cnn", "filters": [4], "kernel": 1, "pool": 1, "dropout": 0.0}
        ref = train(encoded, make_pipeline(model, settings), ArtefactStore(tmp_path)).ref
        loaded = load_model(ref)
        logits = predict_logits(loaded, EncodedSplit.open(encoded, "test"), 512)
        found[loss] = balanced_accuracy_score(truth["test"], logits.argmax(1))
    assert best == pytest.approx(0.77, abs=0.03)
    assert found["cross_entropy"] < 0.6
    assert found["logit_adjusted"] > best - 0.03
    assert found["class_balanced"] > best - 0.03
