"""Losses for rare classes: what is added to the logits, or how classes are weighed, from the rows of each class.

In: labels of the training rows and `TrainConfig`. Out: (K,) weights and (K,) shifts for the cross-entropy, None where
there is nothing to change. Promise: nothing but the training rows is looked at; with `loss = "cross_entropy"` and
`balance = "none"` both are None. Logit adjustment: Menon et al. 2021, equation 10, whose minimum is the classifier of
the best balanced accuracy, so probabilities are those of classes that are equally frequent. Class-balanced loss: Cui
et al. 2019, equation 12; here the weights have mean 1 over the rows, not over the classes, so that the learning rate
means the same with and without it.
"""

from __future__ import annotations

import numpy as np

from seqcls.arrays import Floats, Integers
from seqcls.config.train import TrainConfig


def class_weights(labels: Integers, classes: int, power: float = 1.0) -> Floats:
    """(N,) -> (K,): (N / (present classes * rows of the class)) ** power, scaled to mean 1 over the rows; absent: 0.

    A power below 1 spares a class of two rows a weight of hundreds (square root: Mahajan et al. 2018, section 2.2).
    """
    rows = np.bincount(labels, minlength=classes).astype(np.float64)
    present = rows > 0
    weights = np.zeros(classes)
    weights[present] = (len(labels) / (present.sum() * rows[present])) ** power
    return weights if power == 1 else _with_mean_one(weights, rows)


def effective_weights(labels: Integers, classes: int, beta: float) -> Floats:
    """(N,) -> (K,): 1 / effective rows, (1 - beta) / (1 - beta ** rows), scaled to mean 1 over the rows; absent: 0."""
    rows = np.bincount(labels, minlength=classes).astype(np.float64)
    effective = (1 - beta**rows) / (1 - beta)
    return _with_mean_one(np.divide(1.0, effective, out=np.zeros(classes), where=rows > 0), rows)


def prior_shift(labels: Integers, classes: int, tau: float) -> Floats:
    """(N,) -> (K,): tau * ln(share of the class); a class without a row counts as half a row, so that it is finite."""
    rows = np.maximum(np.bincount(labels, minlength=classes), 0.5)
    shift: Floats = tau * np.log(rows / rows.sum())
    return shift


def loss_weights(config: TrainConfig, labels: Integers, classes: int) -> Floats | None:
    """(K,) weights of the classes in the loss."""
    if config.loss == "class_balanced":
        return effective_weights(labels, classes, config.loss_beta)
    return class_weights(labels, classes, config.balance_power) if config.balance == "weights" else None


def loss_shift(config: TrainConfig, labels: Integers, classes: int) -> Floats | None:
    """(K,) added to the logits in the loss, and only there."""
    return prior_shift(labels, classes, config.loss_tau) if config.loss == "logit_adjusted" else None


def _with_mean_one(weights: Floats, rows: Floats) -> Floats:
    scaled: Floats = weights * rows.sum() / (weights * rows).sum()
    return scaled
